"""Read tables that users write (CSV, JSON Lines or Parquet) and check each row against a schema."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from egoexobench.errors import DataError, format_validation_reason
from egoexobench.extras import require_library
from egoexobench.files import atomic_path
from egoexobench.types import AnnotationIssue

FORMATS = (".csv", ".jsonl", ".parquet")
SEPARATOR = ";"
"""Separates the items of a list in a CSV cell."""

_Row = TypeVar("_Row", bound=BaseModel)
_Cells = tuple[str, dict[str, Any] | str]
"""The location of a row, and its values or the reason why they cannot be read."""


@dataclass(frozen=True, slots=True)
class Table(Generic[_Row]):
    """The valid rows of a file, each with its location (``line 3``), and the issues of the rest."""

    rows: Sequence[tuple[str, _Row]]
    issues: Sequence[AnnotationIssue]


def find_table(root: Path, stem: str) -> Path | None:
    """Return the table named ``stem`` in any format; None if there is none.

    Raises:
        DataError: if there are several.
    """
    paths = [path for suffix in FORMATS if (path := root / f"{stem}{suffix}").is_file()]
    if len(paths) > 1:
        names = " and ".join(path.name for path in paths)
        raise DataError(f"{root} contains {names}; keep one of them")
    return paths[0] if paths else None


def write_table(path: Path, rows: Iterable[BaseModel]) -> None:
    """Write rows as JSON Lines, atomically."""
    with atomic_path(path) as tmp_path, tmp_path.open("w", encoding="utf-8") as file:
        file.writelines(row.model_dump_json(exclude_defaults=True) + "\n" for row in rows)


def read_table(path: Path, schema: type[_Row]) -> Table[_Row]:
    """Return the rows of a file that fit the schema, and an issue for each that does not.

    Raises:
        DataError: if the file cannot be read, or its columns are not those of the schema.
        UsageError: if it is Parquet and pyarrow is not installed.
    """
    reader = {".csv": _read_csv, ".jsonl": _read_jsonl, ".parquet": _read_parquet}[path.suffix]
    rows: list[tuple[str, _Row]] = []
    issues: list[AnnotationIssue] = []
    for location, cells in reader(path, schema):
        if isinstance(cells, str):
            issues.append(AnnotationIssue(path.name, location, cells))
            continue
        if reason := _find_nul(cells):
            issues.append(AnnotationIssue(path.name, location, reason))
            continue
        try:
            rows.append((location, schema.model_validate(cells)))
        except ValidationError as error:
            reason = _describe_error(error, schema)
            issues.append(AnnotationIssue(path.name, location, reason))
    return Table(rows, issues)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"cannot read {path}: it is not UTF-8 text ({error.reason})") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def _read_jsonl(path: Path, schema: type[BaseModel]) -> Iterator[_Cells]:
    del schema  # JSON has types of its own
    # not splitlines, which also splits at line separators inside a narration
    for number, line in enumerate(_read_text(path).split("\n"), 1):
        if line.strip():
            yield f"line {number}", _parse_json(line)


def _parse_json(line: str) -> dict[str, Any] | str:
    try:
        cells = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"not valid JSON: {error}"
    return cells if isinstance(cells, dict) else f"not a JSON object: {line[:60]!r}"


def _read_csv(path: Path, schema: type[BaseModel]) -> Iterator[_Cells]:
    lines = csv.reader(io.StringIO(_read_text(path), newline=""), strict=True)
    number = 0
    try:
        header = [name.strip() for name in next(lines, [])]
        _check_columns(path, header, schema)
        converters = [_find_converter(name, schema) for name in header]
        for number, cells in enumerate(lines, 2):
            if len(cells) == len(header):
                columns = zip(header, cells, converters, strict=True)
                yield f"row {number}", {n: convert(c) for n, c, convert in columns if c.strip()}
            elif cells:
                reason = f"the row has {len(cells)} cells, but the header has {len(header)}"
                yield f"row {number}", reason
    except csv.Error as error:
        raise DataError(f"{path}, after row {number}: not valid CSV ({error})") from error


def _read_parquet(path: Path, schema: type[BaseModel]) -> Iterator[_Cells]:
    arrow = require_library("pyarrow", f"reading {path} (Parquet)")
    parquet = import_module("pyarrow.parquet")
    try:
        rows = parquet.read_table(path).to_pylist()
    except (arrow.ArrowException, OSError) as error:
        message = str(error).partition("\n")[0]
        raise DataError(f"cannot read {path}: {message}") from error
    if rows:
        _check_columns(path, list(rows[0]), schema)
    for number, row in enumerate(rows, 1):
        yield f"row {number}", {name: value for name, value in row.items() if value is not None}


def _check_columns(path: Path, columns: list[str], schema: type[BaseModel]) -> None:
    fields = schema.model_fields
    for name in columns:
        if name not in fields:
            raise DataError(f"{path}: {_format_unknown_column(name, schema)}")
        if columns.count(name) > 1:
            raise DataError(f"{path}: column {name!r} occurs twice")
    missing = [name for name, info in fields.items() if info.is_required() and name not in columns]
    if missing:
        raise DataError(f"{path}: column {missing[0]!r} is missing; columns: {', '.join(columns)}")


def _find_converter(name: str, schema: type[BaseModel]) -> Callable[[str], Any]:
    """Return what converts a CSV cell to the type of its column.

    The schema reports cells that do not fit.
    """
    annotation = schema.model_fields[name].annotation
    if get_origin(annotation) is tuple:
        return _split_cell
    for number_type in (int, float):
        if number_type in (annotation, *get_args(annotation)):
            return partial(_parse_number, number_type)
    return str.strip


def _split_cell(cell: str) -> list[str]:
    return [item.strip() for item in cell.split(SEPARATOR) if item.strip()]


def _parse_number(number_type: Callable[[str], float], cell: str) -> float | str:
    try:
        return number_type(cell)
    except ValueError:
        return cell


def _find_nul(cells: dict[str, Any]) -> str:
    """Return which cell contains a NUL character, which no path may have; empty if none does."""
    for name, value in cells.items():
        items = value if isinstance(value, list) else [value]
        if any(isinstance(item, str) and "\0" in item for item in items):
            return f"{name}: contains a NUL character; write the cell again"
    return ""


def _describe_error(error: ValidationError, schema: type[BaseModel]) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"]) or "row"
    if first["type"] == "extra_forbidden":
        return _format_unknown_column(name, schema)
    if first["type"] == "missing":
        return f"{name}: missing or empty; {schema.model_fields[name].description}"
    return f"{name}: {format_validation_reason(first)} (value: {str(first['input'])[:60]!r})"


def _format_unknown_column(name: str, schema: type[BaseModel]) -> str:
    return f"unknown column {name!r}; columns: {', '.join(schema.model_fields)}"
