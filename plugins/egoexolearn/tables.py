"""Rows of the CSV files, checked one by one: a row that does not fit is reported and left out."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Annotated, Literal, TypeVar

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

from egoexobench.errors import DataError
from egoexobench.types import AnnotationIssue, View
from egoexobench_plugins.egoexolearn.files import Source
from egoexobench_plugins.egoexolearn.parse_cells import numbers, words


@lru_cache(maxsize=4096)
def _video(text: str) -> str:
    name = text.removesuffix(".mp4")
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z_-]*", name):
        raise ValueError(
            f"{text[:60]!r} is no file in the folder of the videos; "
            "a video is named by letters, digits and hyphens"
        )
    return name


Video = Annotated[str, AfterValidator(_video)]
"""Name of a video without its ending; never a path."""
Name = Annotated[str, Field(min_length=1)]
Second = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Numbers = Annotated[tuple[int, ...], BeforeValidator(numbers)]
Words = Annotated[tuple[str, ...], BeforeValidator(words)]
_ID = AliasChoices("annotation_id", "annotation_uid")
_CONFIG = ConfigDict(frozen=True, extra="ignore")


class Train(BaseModel):
    """A row of ``{ego,exo}_train.csv``; the official code reads the English text alone."""

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
    video_uid: Video


class Labelled(BaseModel):
    """A row of ``{ego,exo}_{train,val,test}_valid.csv``, whose verbs are among the 19."""

    model_config = _CONFIG

    video_uid: Video = Field(validation_alias=AliasChoices("video_id", "video_uid"))
    annotation_id: Name
    start_sec: Second
    end_sec: Second
    verb: Numbers
    noun: Numbers
    scenario: Name


class Fine(BaseModel):
    """A row of ``fine_annotation_*.csv``; that of the blind test set has no text."""

    model_config = _CONFIG

    video_uid: Video
    annotation_id: Name = Field(validation_alias=_ID)
    subset: Literal["train", "val", "test"]
    view: View
    scene: Name
    start_sec: Second
    end_sec: Second
    narration_en: str = ""


class Label(BaseModel):
    """A row of ``narration_{verb,noun}_taxonomy.csv``; its place from 0 is the class id."""

    model_config = _CONFIG

    label: Name
    group: Words


_Schema = TypeVar("_Schema", bound=BaseModel)
Row = TypeVar("Row", Train, Labelled, Fine)
"""A row that names a span of a video."""


def read(
    source: Source, schema: type[_Schema], findings: list[AnnotationIssue]
) -> list[tuple[int, _Schema]]:
    """Return each row that fits and its number, the header being row 1.

    Raises:
        DataError: the file is no UTF-8 table, or lacks a column.
    """
    lines = _lines(source)
    header = next(lines, [])
    _check_header(source, header, schema)
    rows: list[tuple[int, _Schema]] = []
    for number, cells in enumerate(lines, 2):
        if len(cells) != len(header):
            reason = f"it has {len(cells)} cells; the header has {len(header)}"
            findings.append(AnnotationIssue(source.name, f"row {number}", reason))
            continue
        try:
            rows.append((number, schema.model_validate(dict(zip(header, cells, strict=True)))))
        except ValidationError as error:
            findings.append(AnnotationIssue(source.name, f"row {number}", reason_of(error)))
    return rows


def keep(
    source: Source,
    rows: Sequence[tuple[int, Row]],
    wrong: Callable[[Row], str | None],
    first: dict[str, str],
    findings: list[AnnotationIssue],
) -> list[tuple[int, Row]]:
    """Return the rows that are unique, have a span, and with which nothing is ``wrong``.

    Where an annotation was seen ``first`` is kept across the tables that share their ids.
    """
    kept = []
    for number, row in rows:
        place = f"{source.name}, row {number}"
        before = first.setdefault(row.annotation_id, place)
        reason = (
            f"annotation {row.annotation_id!r} stands in {before} already"
            if before != place
            else empty(row.start_sec, row.end_sec) or wrong(row)
        )
        if reason:
            findings.append(AnnotationIssue(source.name, f"row {number}", reason))
        else:
            kept.append((number, row))
    return kept


def empty(start: float, end: float) -> str | None:
    """Return what is wrong with a span that ends where it starts, or before."""
    return (
        None if end > start else f"the span {start:g}-{end:g} s is empty; end must be after start"
    )


def reason_of(error: ValidationError) -> str:
    """Return in one line which field does not fit and why."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "row"
    told = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] in ("value_error", "missing"):
        return f"{field}: {told}"
    return f"{field}: {told} (found {str(first['input'])[:60]!r})"


def _lines(source: Source) -> Iterator[list[str]]:
    try:
        text = source.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{source.path} is no UTF-8 text: {error.reason}") from error
    return csv.reader(io.StringIO(text, newline=""))


def _check_header(source: Source, header: Sequence[str], schema: type[BaseModel]) -> None:
    for name, field in schema.model_fields.items():
        names = _names(name, field)
        if field.is_required() and not set(names) & set(header):
            raise DataError(
                f"{source.path} has no column {' or '.join(names)}; it has: {', '.join(header)}"
            )


def _names(name: str, field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    return [str(one) for one in alias.choices] if isinstance(alias, AliasChoices) else [name]
