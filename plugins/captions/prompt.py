"""What a language model is told: the prompts, which are text files beside this one.

The prompts of the paper (text to sound, and refinement; 3.2) are unpublished. These are our own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from inspect import cleandoc
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from egoexobench.toolbox.storage import hash_json

if TYPE_CHECKING:
    from egoexobench.protocols import CaptionRequest

P = ParamSpec("P")
R = TypeVar("R")

NAMES = ("caption", "refine", "retry")
SHOWN = 400
"""Characters of a refused answer that the model is reminded of."""


@lru_cache
def prompt(name: str) -> str:
    """A prompt by name."""
    return files(__package__).joinpath(f"{name}.txt").read_text("utf-8").strip()


def fingerprint() -> str:
    """Hash of all prompts."""
    return hash_json([prompt(name) for name in NAMES])


def messages(ask: CaptionRequest) -> list[dict[str, str]]:
    """The conversation that asks: what to do, the text as JSON, and a refused answer if any.

    The text is quoted as a JSON string, so that nothing in it ends the quotation.
    """
    text = json.dumps(ask.text, ensure_ascii=False)
    told, given = prompt("caption"), f"Narration: {text}"
    if ask.concepts:
        asked = {"caption": ask.text, "frequent": list(ask.concepts)}
        told, given = prompt("refine"), json.dumps(asked, ensure_ascii=False)
    found = [{"role": "system", "content": told}, {"role": "user", "content": given}]
    if ask.refused is None:
        return found
    former = {"role": "assistant", "content": ask.refused[:SHOWN] or "(no answer)"}
    return [*found, former, {"role": "user", "content": prompt("retry")}]


def prompted(factory: Callable[P, R]) -> Callable[P, R]:
    """Put the prompts into a factory's docstring, where `egoexobench show` finds them."""
    shown = "\n\n".join(f"--- {name}.txt\n{prompt(name)}" for name in NAMES)
    factory.__doc__ = (
        f"{cleandoc(factory.__doc__ or '')}\n\n"
        "The paper's prompts are unpublished; these are our own "
        f"(hash {fingerprint()}):\n\n{shown}"
    )
    return factory
