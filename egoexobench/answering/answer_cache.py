"""Stores answers one by one, by the content of their question."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from egoexobench.files import cache_dir
from egoexobench.identity import Identity
from egoexobench.layers import hash_layers
from egoexobench.part_results import find_answer_fault
from egoexobench.response_cache import ResponseCache, ResponseKind
from egoexobench.types import QuestionAnswer

_FORMS = ("choice", "order", "scores")


def format_answer(answer: QuestionAnswer) -> str:
    """Return a valid answer as JSON, without the number of its question."""
    return json.dumps(
        {name: value for name in _FORMS if (value := getattr(answer, name)) is not None}
    )


def parse_stored_answer(text: str, number: int, num_candidates: int) -> QuestionAnswer | None:
    """Return the answer of `format_answer`; None if it is none to such a question."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or not fields.keys() <= set(_FORMS):
        return None
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
    answer = QuestionAnswer(number, **values)
    return answer if find_answer_fault(answer, num_candidates) is None else None


def _is_stored_answer(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


ANSWERS = ResponseKind(field="answer", is_valid=_is_stored_answer, part="answerer")
"""Answers; a question without a valid answer is stored with the reason."""


def open_answer_cache(part: Identity, root: Path | None = None) -> ResponseCache:
    """Return the cache of an answerer.

    Args:
        part: its identity; other code of it, or of what decodes clips, asks again.
        root: the folder of its files; None is ``answers`` in the cache folder.
    """
    identity = {**part, "toolkit": hash_layers(up_to="data")}
    return ResponseCache(ANSWERS, root or cache_dir() / "answers", identity)
