"""Rows of a table from outside, each checked against one schema: CSV, JSON Lines or Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from egoexobench.errors import DataError, UsageError
from egoexobench.files import atomic_path
from egoexobench.values import AnnotationIssue

FORMATS = (".csv", ".jsonl", ".parquet")
SEPARATOR = ";"
"""Between the words of a list in a CSV cell."""

_Row = TypeVar("_Row", bound=BaseModel)
_Cells = tuple[str, dict[str, Any] | str]
"""Where a row is, and its values; or the reason why it has none."""


def find_table(root: Path, stem: str) -> Path | None:
    """Return the one table of that name, whatever its format; None if there is none.

    Raises:
        DataError: if there are two, of which one would be stale.
    """
    found = [path for suffix in FORMATS if (path := root / f"{stem}{suffix}").is_file()]
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise DataError(f"{root} holds {names}; keep the one that is meant")
    return found[0] if found else None


def write_table(path: Path, rows: Iterable[BaseModel]) -> None:
    """Write JSON Lines, one row a line, whole or not at all."""
    with atomic_path(path) as draft, draft.open("w", encoding="utf-8") as file:
        file.writelines(row.model_dump_json(exclude_defaults=True) + "\n" for row in rows)


def read_table(
    path: Path, schema: type[_Row], findings: list[AnnotationIssue]
) -> Iterator[tuple[str, _Row]]:
    """Yield where each row is and the row; one that does not fit goes to ``findings``.

    Raises:
        DataError: if the file cannot be read, or its columns are not those of the schema.
        UsageError: if it is Parquet and pyarrow is not installed.
    """
    reader = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}[path.suffix]
    for row, cells in reader(path, schema):
        if isinstance(cells, str):
            findings.append(AnnotationIssue(path.name, row, cells))
            continue
        try:
            yield row, schema.model_validate(cells)
        except ValidationError as error:
            findings.append(AnnotationIssue(path.name, row, _reason(error, schema)))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"cannot read {path}: it is no UTF-8 text ({error.reason})") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def _jsonl(path: Path, schema: type[BaseModel]) -> Iterator[_Cells]:
    del schema  # the format has numbers, lists and null of its own
    # not splitlines, which also splits at line separators inside a narration
    for number, line in enumerate(_text(path).split("\n"), 1):
        if line.strip():
            yield f"line {number}", _json(line)


def _json(line: str) -> dict[str, Any] | str:
    try:
        cells = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"it is no JSON: {error}"
    return cells if isinstance(cells, dict) else f"it is no JSON object (found {line[:60]!r})"


def _csv(path: Path, schema: type[BaseModel]) -> Iterator[_Cells]:
    lines = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    number = 0
    try:
        header = [name.strip() for name in next(lines, [])]
        _check_columns(path, header, schema)
        for number, cells in enumerate(lines, 2):
            if len(cells) == len(header):
                named = zip(header, cells, strict=True)
                yield f"row {number}", {n: _value(c, n, schema) for n, c in named if c.strip()}
            elif cells:
                reason = f"it has {len(cells)} cells; the header has {len(header)}"
                yield f"row {number}", reason
    except csv.Error as error:
        raise DataError(f"{path}, after row {number}: it is no CSV ({error})") from error


def _parquet(path: Path, schema: type[BaseModel]) -> Iterator[_Cells]:
    if not find_spec("pyarrow"):
        raise UsageError(f"{path} is Parquet, which needs pyarrow: pip install pyarrow")
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    try:
        rows = parquet.read_table(path).to_pylist()
    except (arrow.ArrowException, OSError) as error:
        told = str(error).partition("\n")[0]
        raise DataError(f"cannot read {path}: {told}") from error
    if rows:
        _check_columns(path, list(rows[0]), schema)
    for number, row in enumerate(rows, 1):
        yield f"row {number}", {name: value for name, value in row.items() if value is not None}


def _check_columns(path: Path, found: list[str], schema: type[BaseModel]) -> None:
    known = schema.model_fields
    for name in found:
        if name not in known:
            raise DataError(f"{path}: {_unknown(name, schema)}")
        if found.count(name) > 1:
            raise DataError(f"{path}: column {name!r} stands there twice")
    missing = [name for name, field in known.items() if field.is_required() and name not in found]
    if missing:
        raise DataError(f"{path}: it has no column {missing[0]!r}; it has: {', '.join(found)}")


def _value(cell: str, name: str, schema: type[BaseModel]) -> Any:
    """A cell as the type of its column where it can be; the schema says so where it cannot."""
    kind = schema.model_fields[name].annotation
    if get_origin(kind) is tuple:
        return [word.strip() for word in cell.split(SEPARATOR) if word.strip()]
    for number in (int, float):
        if number in (kind, *get_args(kind)):
            try:
                return number(cell)
            except ValueError:
                return cell
    return cell.strip()


def _reason(error: ValidationError, schema: type[BaseModel]) -> str:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "row"
    if first["type"] == "extra_forbidden":
        return _unknown(field, schema)
    if first["type"] == "missing":
        return f"{field}: it is missing or empty; {schema.model_fields[field].description}"
    return f"{field}: {first['msg']} (found {str(first['input'])[:60]!r})"


def _unknown(name: str, schema: type[BaseModel]) -> str:
    return f"unknown column {name!r}; there are: {', '.join(schema.model_fields)}"
