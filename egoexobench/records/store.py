"""Reads and writes records: ``OUT/METHOD/DATASET/ID.json`` and, beside it, ``ID.ranks.jsonl``.

Files of schema version 1 are read as well; what is written has version 2. Whoever reads a record
gets one whose numbers are possible and follow from its ranks, and whose files are those that it
names; `egoexobench.verification` recomputes the rest.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import re
import warnings
from contextlib import contextmanager, suppress
from datetime import UTC
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from egoexobench.errors import DataError, RenamedWarning, format_validation_reason
from egoexobench.files import write_text_atomic
from egoexobench.records import version_1
from egoexobench.records.artifacts import (
    MAX_RECORD_BYTES,
    RANKS_SUFFIX,
    check_artifact,
    check_plain_size,
    find_artifact,
    iter_unnamed_files,
)
from egoexobench.records.check import iter_record_faults
from egoexobench.records.check_ranks import iter_rank_faults
from egoexobench.records.own_checksum import check_own_checksum, format_with_checksum
from egoexobench.records.schema import Artifact, QueryRank, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

_Model = TypeVar("_Model", bound=BaseModel)
_VERSION_1 = re.compile(r'"schema_version"\s*:\s*1\b')
AUDIT_PREFIX = "audit-"
"""Prefix of the file names of audits, which may be in the same folder."""
SITE_MANIFEST = "site.json"
"""List of the files of a site, which may be in the same folder."""


@contextmanager
def pause_garbage_collection() -> Iterator[None]:
    """Without it, thousands of new models make the collector visit all earlier ones, again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def make_record_id(created: datetime, seed: int, *fingerprints: str) -> str:
    """Return the id of a run: its second, its seed, and a hash that makes it unique.

    Args:
        created: When the run started, with its time zone.
        seed: Seed of the run.
        fingerprints: Hashes of the method and of the data, so that different runs differ.
    """
    text = "\0".join((created.isoformat(), str(seed), *fingerprints))
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{created.astimezone(UTC):%Y%m%dT%H%M%SZ}-seed{seed}-{digest}"


def make_slug(spec: str) -> str:
    """Return a spec as one readable path component; a hash keeps two specs apart.

    >>> make_slug("soundbridge")
    'soundbridge'
    >>> make_slug("soundbridge:residual=none")
    'soundbridge-residual-none-e08be0b9'
    """
    name = re.sub(r"[^a-z0-9]+", "-", spec.lower()).strip("-")[:48].rstrip("-")
    if name and name == spec:
        return name
    return f"{name}-{hashlib.sha256(spec.encode()).hexdigest()[:8]}".lstrip("-")


def write_record(record: Record, ranks: Iterable[QueryRank], out: Path) -> Path:
    """Write a record and its ranks. Each file is written completely or not at all, ranks first.

    Returns:
        Path of the record, which names the ranks file and its hash.

    Raises:
        DataError: if a record of that id exists already, or a file cannot be written.
    """
    path = locate_record(record, out)
    lines = "".join(rank.model_dump_json(exclude_none=True) + "\n" for rank in ranks)
    artifact = Artifact(file=f"{record.id}{RANKS_SUFFIX}", sha256=_hash_text(lines))
    write_text_atomic(path.with_name(artifact.file), lines)
    complete = record.model_copy(update={"artifacts": (*record.artifacts, artifact)})
    write_text_atomic(path, format_with_checksum(complete, indent=2))
    return path


def locate_record(record: Record, out: Path) -> Path:
    """Return the path of a record that is not written yet.

    Raises:
        DataError: if a record of that id exists already.
    """
    folder = out / make_slug(record.method.spec) / make_slug(record.dataset.spec)
    path = folder / f"{record.id}.json"
    if path.exists():
        raise DataError(f"{path} already exists; records are never overwritten")
    return path


def find_records(folder: Path) -> list[Path]:
    """Return the paths of all records below a folder, sorted."""
    return sorted(
        path
        for path in folder.rglob("*.json")
        if not path.name.startswith(AUDIT_PREFIX) and path.name != SITE_MANIFEST
    )


def list_records(paths: Iterable[Path]) -> list[Path]:
    """Return the records that paths name, each once: files, and all records below folders.

    Raises:
        DataError: if a folder has no record.
    """
    records: dict[str, Path] = {}
    for path in paths:
        inside = find_records(path) if path.is_dir() else [path]
        if not inside:
            raise DataError(f"{path} contains no record of a run")
        for record in inside:
            records.setdefault(os.path.realpath(record), record)  # a link may lead to itself
    return list(records.values())


def read_record(path: Path) -> Record:
    """Read a record whose numbers are possible and follow from the ranks beside it.

    Raises:
        DataError: with the file and the field that is wrong, or if it is not as it was written.
    """
    return read_record_and_ranks(path)[0]


@pause_garbage_collection()
def read_record_and_ranks(path: Path) -> tuple[Record, list[QueryRank]]:
    """Read a record as :func:`read_record`, and the rank of each query; none of a failed run.

    Raises:
        DataError: with the file and the field that is wrong, or if it is not as it was written.
    """
    check_plain_size(path, MAX_RECORD_BYTES)
    text = read_text(path)
    record = _parse_record(path, text)
    ranks: list[QueryRank] = []
    for fault in iter_record_faults(record):
        raise DataError(f"{path}: {fault}")
    for artifact in record.artifacts:
        if not artifact.file.endswith(RANKS_SUFFIX):  # those are checked when they are read
            check_artifact(path, artifact)
    for fault in iter_unnamed_files(path, record):
        raise DataError(f"{path}: {fault}")
    if record.status == "complete":
        ranks = _read_ranks(path, record, text)
        for fault in iter_rank_faults(record, ranks):
            raise DataError(f"{path}: {fault}")
    check_own_checksum(str(path), text)
    return record, ranks


def read_unchecked_record(path: Path) -> Record:
    """Read a record of which only the types of its fields are checked.

    Raises:
        DataError: with the file and the field that is wrong.
    """
    check_plain_size(path, MAX_RECORD_BYTES)
    return _parse_record(path, read_text(path))


def _parse_record(path: Path, text: str) -> Record:
    record = parse_versioned(path, text, Record, version_1.upgrade_record)
    return record.model_copy(update={"checksum": None})  # of the file, not of the run


def iter_ranks(path: Path) -> Iterator[QueryRank]:
    """Yield the rank of each query, from the file beside a record.

    Raises:
        DataError: if the file is missing or was changed, or a line is wrong.
    """
    check_plain_size(path, MAX_RECORD_BYTES)
    text = read_text(path)
    yield from _read_ranks(path, _parse_record(path, text), text)


def parse_versioned(
    path: Path, text: str, schema: type[_Model], upgrade: Callable[[Any], Any]
) -> _Model:
    """Return the JSON text of a file; fields of schema version 1 are upgraded, with a warning.

    Raises:
        DataError: with the file and the field that is wrong.
    """
    if _is_version_1(text):
        warnings.warn(
            f"{path} has schema version 1; its fields are read by their names in version 2",
            RenamedWarning,
            stacklevel=2,
        )
        check_unique_keys(str(path), text)
        text = _upgrade_text(str(path), text, upgrade)
    return validate_json(str(path), text, schema)


def read_text(path: Path) -> str:
    """Return the text of a file, or raise a DataError that names it."""
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"cannot read {path}: byte {error.start} is not UTF-8") from error


def parse_json_lines(location: str, text: str, schema: type[_Model]) -> list[_Model]:
    """Return the models of a file of JSON lines that `model_dump_json` wrote, without None.

    Args:
        location: the file, for messages.
        text: its content.
        schema: the model of a line.

    Raises:
        DataError: with the line that is wrong.
    """
    lines = split_lines(text)
    joined = f"[{','.join(lines)}]".encode()
    adapter = _make_list_adapter(schema)
    with suppress(ValidationError):
        models = adapter.validate_json(joined)
        # the same bytes again: so no object has a key twice, which a reader would have to search
        if len(models) == len(lines) and adapter.dump_json(models, exclude_none=True) == joined:
            return models
    return [
        validate_json(f"{location}, line {number}", line, schema)
        for number, line in enumerate(lines, 1)
    ]


@cache
def _make_list_adapter(schema: type[_Model]) -> TypeAdapter[list[_Model]]:
    return TypeAdapter(list[schema])  # type: ignore[valid-type]


def validate_json(location: str, text: str, schema: type[_Model]) -> _Model:
    """Return JSON text as its model, or raise a DataError with location and field."""
    try:
        model = schema.model_validate_json(text)
    except ValidationError as error:
        raise DataError(f"{location}: {first_error(error)}") from None
    check_unique_keys(location, text)
    return model


def check_unique_keys(location: str, text: str) -> None:
    """Check that no object of JSON text has a key twice: readers would differ in what they read.

    Raises:
        DataError: with the first such key.
    """
    json.loads(text, object_pairs_hook=lambda pairs: _check_pairs(location, pairs))


def _check_pairs(location: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise DataError(f"{location}: {repeated!r} stands twice in one object")
    return fields


def split_lines(text: str) -> list[str]:
    """Return the lines of a file of JSON lines.

    `str.splitlines` would also end a line at letters that JSON lets an id contain, such as U+2028.
    """
    return text.removesuffix("\n").split("\n") if text else []


def first_error(error: ValidationError) -> str:
    """Return the first error of a validation: the field, the expected and the actual value."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "the file"
    if first["type"] == "extra_forbidden":
        return f"unknown field {field!r}"
    value = str(first["input"])[:60]
    if first["type"] == "json_invalid":
        return f"not JSON: {first['ctx']['error']} (found {value!r})"
    if first["type"] == "value_error":  # ours says what was found, or hides a password
        return f"{field}: {format_validation_reason(first)}"
    return f"{field}: {format_validation_reason(first)} (found {value!r})"


def _read_ranks(path: Path, record: Record, record_text: str) -> list[QueryRank]:
    artifact = find_artifact(record, RANKS_SUFFIX)
    if artifact is None:
        return []
    file = check_artifact(path, artifact)
    text = read_text(file)
    if not _is_version_1(record_text):
        return parse_json_lines(str(file), text, QueryRank)
    ranks = []
    for number, line in enumerate(split_lines(text), 1):
        location = f"{file}, line {number}"
        current = _upgrade_text(location, line, version_1.upgrade_rank)
        ranks.append(validate_json(location, current, QueryRank))
    return ranks


def _is_version_1(text: str) -> bool:
    if not _VERSION_1.search(text):
        return False
    try:
        fields = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return False  # the validation says what is wrong
    return isinstance(fields, dict) and fields.get("schema_version") == 1


def _upgrade_text(location: str, text: str, upgrade: Callable[[Any], Any]) -> str:
    try:
        return json.dumps(upgrade(json.loads(text)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{location}: a field of schema version 1 is wrong: {error!r}") from None


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
