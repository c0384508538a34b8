"""Build the messages for a language model from its prompts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from egoexobench.toolbox.storage import hash_json
from egoexobench_plugins.captions import prompt

if TYPE_CHECKING:
    from egoexobench.protocols import CaptionRequest

MAX_REFUSED_CHARS = 400
"""Number of characters of a refused response that are sent back to the model."""


def hash_prompts() -> str:
    """Return the hash of all prompts."""
    return hash_json([prompt.read_prompt(name) for name in prompt.PROMPT_NAMES])


def build_messages(request: CaptionRequest) -> list[dict[str, str]]:
    """Return the conversation: the prompt, the text as JSON, and an earlier refused response.

    The text is encoded as a JSON string, so that no character in it can end the string.
    """
    system = prompt.read_prompt("caption")
    user = f"Narration: {json.dumps(request.text, ensure_ascii=False)}"
    if request.concepts:
        payload = {"caption": request.text, "frequent": list(request.concepts)}
        system, user = prompt.read_prompt("refine"), json.dumps(payload, ensure_ascii=False)
    conversation = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    if request.refused is None:
        return conversation
    earlier = request.refused[:MAX_REFUSED_CHARS] or "(no answer)"
    return [
        *conversation,
        {"role": "assistant", "content": earlier},
        {"role": "user", "content": prompt.read_prompt("retry")},
    ]
