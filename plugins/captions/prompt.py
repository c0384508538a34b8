"""Build the messages for a language model from the prompts in the text files of this folder.

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

PROMPT_NAMES = ("caption", "refine", "retry")
MAX_REFUSED_CHARS = 400
"""Number of characters of a refused response that are sent back to the model."""


@lru_cache
def read_prompt(name: str) -> str:
    """Return a prompt by name."""
    return files(__package__).joinpath(f"{name}.txt").read_text("utf-8").strip()


def hash_prompts() -> str:
    """Return the hash of all prompts."""
    return hash_json([read_prompt(name) for name in PROMPT_NAMES])


def build_messages(request: CaptionRequest) -> list[dict[str, str]]:
    """Return the conversation: the prompt, the text as JSON, and an earlier refused response.

    The text is encoded as a JSON string, so that no character in it can end the string.
    """
    system = read_prompt("caption")
    user = f"Narration: {json.dumps(request.text, ensure_ascii=False)}"
    if request.concepts:
        payload = {"caption": request.text, "frequent": list(request.concepts)}
        system, user = read_prompt("refine"), json.dumps(payload, ensure_ascii=False)
    conversation = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    if request.refused is None:
        return conversation
    earlier = request.refused[:MAX_REFUSED_CHARS] or "(no answer)"
    return [
        *conversation,
        {"role": "assistant", "content": earlier},
        {"role": "user", "content": read_prompt("retry")},
    ]


def add_prompts_to_docstring(factory: Callable[P, R]) -> Callable[P, R]:
    """Add the prompts to a factory's docstring, which `egoexobench show` prints."""
    prompts = "\n\n".join(f"--- {name}.txt\n{read_prompt(name)}" for name in PROMPT_NAMES)
    factory.__doc__ = (
        f"{cleandoc(factory.__doc__ or '')}\n\n"
        "The paper's prompts are unpublished; these are our own "
        f"(hash {hash_prompts()}):\n\n{prompts}"
    )
    return factory
