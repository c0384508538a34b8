"""A file of answers: one JSON object a line, the answer of a system to one query.

``{"query": ID, "order": [...]}``, ``{"query": ID, "scores": {...}}`` or ``{"query": ID, "choice":
...}``; see :class:`egoexobench.evaluation.answers.Answer`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self, final

from pydantic import Field, ValidationError, model_validator

from egoexobench.errors import DataError
from egoexobench.evaluation.answers import Answer
from egoexobench.records.field_types import RecordModel
from egoexobench.records.store import check_unique_keys, first_error, split_lines


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
            raise ValueError("write exactly one of order, scores and choice")
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
            raise DataError(f"{where}: {first_error(error)}") from None
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


def format_answers(answers: Mapping[str, Answer], query_ids: Iterable[str]) -> str:
    """Return the text of a file with the answers to some queries, in the order of their ids."""
    lines = []
    for name in sorted(set(query_ids) & answers.keys()):
        item = answers[name]
        fields = {"query": name, "order": item.order, "scores": item.scores, "choice": item.choice}
        lines.append(AnswerLine.model_validate(fields).model_dump_json(exclude_none=True) + "\n")
    return "".join(lines)
