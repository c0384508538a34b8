"""Rows of published CSV files. Each row is checked; an invalid row is reported and skipped."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Generic, Protocol, TypeVar

from pydantic import AfterValidator, AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo

from egoexobench.errors import DataError, format_validation_reason
from egoexobench.types import AnnotationIssue


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


class AnnotationSource(Protocol):
    """The content of a file of annotations."""

    @property
    def name(self) -> str:
        """Its name, for locations."""

    @property
    def path(self) -> Path:
        """Where it is, for messages about the file as a whole."""

    @property
    def data(self) -> bytes:
        """Its bytes."""


@dataclass(frozen=True, slots=True)
class AnnotationFile:
    """A file of annotations that was read; ``name`` is its path below the root."""

    name: str
    path: Path
    data: bytes

    @property
    def sha256(self) -> str:
        """Hash of the content."""
        return hashlib.sha256(self.data).hexdigest()


_Schema = TypeVar("_Schema", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ParsedTable(Generic[_Schema]):
    """Valid rows with their numbers (the header is row 1), and the issues of the others."""

    rows: Sequence[tuple[int, _Schema]]
    issues: Sequence[AnnotationIssue]


def find_annotation_file(root: Path, *names: str) -> AnnotationFile | None:
    """Read the first file of some names below a folder that exists; None if there is none.

    Raises:
        DataError: if it cannot be read.
    """
    for name in names:
        path = root / name
        try:
            if path.is_file():
                return AnnotationFile(name, path, path.read_bytes())
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from error
    return None


def read_annotation_table(source: AnnotationSource, schema: type[_Schema]) -> ParsedTable[_Schema]:
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


def _iter_lines(source: AnnotationSource) -> Iterator[list[str]]:
    try:
        text = source.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{source.path} is not UTF-8 text: {error.reason}") from error
    lines = csv.reader(io.StringIO(text, newline=""))
    try:
        yield from lines
    except csv.Error as error:  # a cell without end
        raise DataError(f"{source.path}, line {lines.line_num}: {error}") from error


def _check_header(source: AnnotationSource, header: Sequence[str], schema: type[BaseModel]) -> None:
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
