"""A file of answers: one JSON object a line, the answer of a system to one query.

``{"query": ID, "order": [...]}``, ``{"query": ID, "scores": {...}}`` or ``{"query": ID, "choice":
...}``; see :class:`egoexobench.evaluation.answers.Answer`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Self, final

from pydantic import Field, ValidationError, model_validator

from egoexobench.errors import DataError, format_unknown_name
from egoexobench.evaluation.answers import Answer
from egoexobench.records.field_types import RecordModel
from egoexobench.records.store import check_unique_keys, split_lines

ANSWER_FORMS = {
    "order": "a list of candidates, the best first, each by its id or its position from 0",
    "scores": "one finite number for each candidate, as a list or by id",
    "choice": "one candidate, by its id or its position from 0",
}
"""The fields of which a line has one, and their values."""
_FIELDS = {"query": "the id of a query, as `egoexobench data questions` writes it", **ANSWER_FORMS}
_MAX_SHOWN = 60
"""Characters of a wrong value that a message shows."""


@final
class AnswerLine(RecordModel):
    """One answer."""

    query: str = Field(min_length=1, description="id of the query, as `data questions` writes it")
    order: tuple[str | int, ...] | None = Field(None, description="candidates, the best first")
    scores: dict[str, float] | tuple[float, ...] | None = Field(
        None, description="of every candidate, by id or in the order of the question"
    )
    choice: str | int | None = Field(None, description="the candidate that was chosen")

    @model_validator(mode="after")
    def _check_one_field(self) -> Self:
        if sum(item is not None for item in (self.order, self.scores, self.choice)) != 1:
            raise ValueError("a line has one of order, scores and choice")
        return self


def parse_answers(location: str, text: str) -> dict[str, Answer]:
    """Return the answers of a file by the id of their query.

    Args:
        location: the file, for messages.
        text: its content.

    Raises:
        DataError: with the line that is wrong, or that answers a query again.
    """
    answers: dict[str, Answer] = {}
    first_lines: dict[str, int] = {}
    for number, line in enumerate(split_lines(text), 1):
        where = f"{location}, line {number}"
        try:
            item = AnswerLine.model_validate_json(line)
        except ValidationError as error:
            raise DataError(f"{where}: {_explain_fault(error)}") from None
        check_unique_keys(where, line)
        if item.query in answers:
            first = first_lines[item.query]
            raise DataError(
                f"{where}: {item.query} is answered a second time, first in line {first}"
            )
        answers[item.query] = Answer(item.order, item.scores, item.choice)
        first_lines[item.query] = number
    if not answers:
        raise DataError(f"{location} contains no answer")
    return answers


def _explain_fault(error: ValidationError) -> str:
    """Return which field of a line is wrong, what it is, and what it can be."""
    first = error.errors()[0]
    name, kind = str(first["loc"][0]) if first["loc"] else "", first["type"]
    if kind == "extra_forbidden":
        return format_unknown_name("field", name, _FIELDS, "of an answer")
    if kind == "missing":
        return f"the field {name!r} is missing: {_FIELDS[name]}"
    if name:
        same_field = [item for item in error.errors() if item["loc"][:1] == (name,)]
        value = max(same_field, key=lambda item: len(item["loc"]))["input"]
        shown = _shorten(json.dumps(value, default=str, ensure_ascii=False))
        return f"the field {name!r} has {shown}, expected {_FIELDS[name]}"
    forms = ", ".join(ANSWER_FORMS)
    if kind == "value_error":
        count = sum(first["input"].get(form) is not None for form in ANSWER_FORMS)
        return f"it has {count} of the fields {forms}; write exactly one of them"
    return (
        f"it is {_shorten(str(first['input']))!r}, expected a JSON object with 'query' and one of "
        f"{forms}"
    )


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def format_answers(answers: Mapping[str, Answer], query_ids: Iterable[str]) -> str:
    """Return the text of a file with the answers to some queries, in the order of their ids."""
    lines = []
    for name in sorted(set(query_ids) & answers.keys()):
        item = answers[name]
        fields = {"query": name, "order": item.order, "scores": item.scores, "choice": item.choice}
        lines.append(AnswerLine.model_validate(fields).model_dump_json(exclude_none=True) + "\n")
    return "".join(lines)
