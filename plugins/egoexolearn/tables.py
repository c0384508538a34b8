"""Rows of the CSV files. Each row is checked; an invalid row is reported and skipped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)

from egoexobench.toolbox.annotation_tables import (
    ParsedTable,
    VideoName,
    find_empty_span,
)
from egoexobench.toolbox.list_literals import parse_numbers, parse_words
from egoexobench.types import AnnotationIssue, View
from egoexobench_plugins.egoexolearn.files import SourceFile

Name = Annotated[str, Field(min_length=1)]
Second = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Numbers = Annotated[tuple[int, ...], BeforeValidator(parse_numbers)]
Words = Annotated[tuple[str, ...], BeforeValidator(parse_words)]
_ID = AliasChoices("annotation_id", "annotation_uid")
_CONFIG = ConfigDict(frozen=True, extra="ignore")


class TrainRow(BaseModel):
    """A row of ``{ego,exo}_train.csv``; the official code uses only the English narration."""

    model_config = _CONFIG

    annotation_id: Name
    start_sec: Second
    end_sec: Second
    narration_ch: str
    narration_en: Name
    narration_en_hand_prompt: str
    narration_en_no_hand_prompt: str
    verb: Numbers
    noun: Numbers
    scenario: Name
    video_uid: VideoName


class LabeledRow(BaseModel):
    """A row of ``{ego,exo}_{train,val,test}_valid.csv``, with verbs among the 19."""

    model_config = _CONFIG

    video_uid: VideoName = Field(validation_alias=AliasChoices("video_id", "video_uid"))
    annotation_id: Name
    start_sec: Second
    end_sec: Second
    verb: Numbers
    noun: Numbers
    scenario: Name


class FineRow(BaseModel):
    """A row of ``fine_annotation_*.csv``; the blind test file has no narrations."""

    model_config = _CONFIG

    video_uid: VideoName
    annotation_id: Name = Field(validation_alias=_ID)
    subset: Literal["train", "val", "test"]
    view: View
    scene: Name
    start_sec: Second
    end_sec: Second
    narration_en: str = ""


class TaxonomyRow(BaseModel):
    """A row of ``narration_{verb,noun}_taxonomy.csv``; its index from 0 is the class id."""

    model_config = _CONFIG

    label: Name
    group: Words


Row = TypeVar("Row", TrainRow, LabeledRow, FineRow)
"""A row that annotates a span of a video."""


def locate_rows(source: SourceFile, rows: Sequence[tuple[int, Row]]) -> dict[str, str]:
    """Return file and row of each annotation id; the first row, if several have the id."""
    locations: dict[str, str] = {}
    for number, row in rows:
        locations.setdefault(row.annotation_id, f"{source.name}, row {number}")
    return locations


def drop_invalid_rows(
    source: SourceFile,
    table: ParsedTable[Row],
    locations: Mapping[str, str],
    find_error: Callable[[Row], str | None],
) -> ParsedTable[Row]:
    """Return the table without rows that repeat an annotation, have no span or have an error.

    Args:
        source: the file of the table.
        table: the rows.
        locations: file and row of each annotation, in this file and in those before it.
        find_error: returns what is wrong with a row, or None.
    """
    rows = []
    issues = list(table.issues)
    for number, row in table.rows:
        location = locations[row.annotation_id]
        if location != f"{source.name}, row {number}":
            reason: str | None = f"annotation {row.annotation_id!r} is already in {location}"
        else:
            reason = find_empty_span(row.start_sec, row.end_sec) or find_error(row)
        if reason:
            issues.append(AnnotationIssue(source.name, f"row {number}", reason))
        else:
            rows.append((number, row))
    return ParsedTable(rows, issues)
