"""The prompts for a language model, which are the text files of this folder.

The prompts of the paper (text to sound, and refinement; 3.2) are unpublished. These are our own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from inspect import cleandoc
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

PROMPT_NAMES = ("caption", "refine", "retry")


@lru_cache
def read_prompt(name: str) -> str:
    """Return a prompt by name."""
    return Path(__file__).with_name(f"{name}.txt").read_text("utf-8").strip()


def add_prompts_to_docstring(factory: Callable[P, R]) -> Callable[P, R]:
    """Add the prompts to a factory's docstring, which `egoexobench show` prints."""
    prompts = "\n\n".join(f"--- {name}.txt\n{read_prompt(name)}" for name in PROMPT_NAMES)
    factory.__doc__ = (
        f"{cleandoc(factory.__doc__ or '')}\n\n"
        f"The paper's prompts are unpublished; these are our own:\n\n{prompts}"
    )
    return factory
