"""Rows of the CSV files. Each row is checked; an invalid row is reported and skipped."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from pydantic.fields import FieldInfo

from egoexobench.errors import DataError, format_validation_reason
from egoexobench.types import AnnotationIssue, View
from egoexobench_plugins.egoexolearn.files import SourceFile
from egoexobench_plugins.egoexolearn.parse_cells import parse_numbers, parse_words


@lru_cache(maxsize=4096)
def _validate_video_name(text: str) -> str:
    name = text.removesuffix(".mp4")
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z_-]*", name):
        raise ValueError(
            f"{text[:60]!r} is not a valid video name; "
            "a name has only letters, digits, hyphens and underscores"
        )
    return name


VideoName = Annotated[str, AfterValidator(_validate_video_name)]
"""Name of a video without its file extension; never a path."""
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


_Schema = TypeVar("_Schema", bound=BaseModel)
Row = TypeVar("Row", TrainRow, LabeledRow, FineRow)
"""A row that annotates a span of a video."""


@dataclass(frozen=True, slots=True)
class ParsedTable(Generic[_Schema]):
    """Valid rows with their numbers (the header is row 1), and the issues of the others."""

    rows: Sequence[tuple[int, _Schema]]
    issues: Sequence[AnnotationIssue]


def read_table(source: SourceFile, schema: type[_Schema]) -> ParsedTable[_Schema]:
    """Return the rows that fit a schema.

    Raises:
        DataError: the file is not a UTF-8 table, or a column is missing.
    """
    lines = _iter_lines(source)
    header = next(lines, [])
    _check_header(source, header, schema)
    rows: list[tuple[int, _Schema]] = []
    issues: list[AnnotationIssue] = []
    for number, cells in enumerate(lines, 2):
        if len(cells) != len(header):
            reason = f"the row has {len(cells)} cells; the header has {len(header)}"
            issues.append(AnnotationIssue(source.name, f"row {number}", reason))
            continue
        try:
            rows.append((number, schema.model_validate(dict(zip(header, cells, strict=True)))))
        except ValidationError as error:
            reason = describe_validation_error(error)
            issues.append(AnnotationIssue(source.name, f"row {number}", reason))
    return ParsedTable(rows, issues)


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


def find_empty_span(start: float, end: float) -> str | None:
    """Return an error message if a span does not end after its start, or None."""
    if end > start:
        return None
    return f"the span {start:g}-{end:g} s is empty; the end must be after the start"


def describe_validation_error(error: ValidationError) -> str:
    """Return in one line which field is invalid and why."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "row"
    message = format_validation_reason(first)
    if first["type"] in ("value_error", "missing"):
        return f"{field}: {message}"
    return f"{field}: {message} (the value is {str(first['input'])[:60]!r})"


def _iter_lines(source: SourceFile) -> Iterator[list[str]]:
    try:
        text = source.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{source.path} is not UTF-8 text: {error.reason}") from error
    return csv.reader(io.StringIO(text, newline=""))


def _check_header(source: SourceFile, header: Sequence[str], schema: type[BaseModel]) -> None:
    for name, field in schema.model_fields.items():
        names = _list_column_names(name, field)
        if field.is_required() and not set(names) & set(header):
            raise DataError(
                f"{source.path} has no column {' or '.join(names)}; its columns are: "
                f"{', '.join(header)}"
            )


def _list_column_names(name: str, field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    return [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [name]
