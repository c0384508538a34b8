"""Records on disk: ``OUT/METHOD/DATASET/ID.json`` and, beside it, ``ID.ranks.jsonl``."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from egoexobench.errors import DataError
from egoexobench.files import write_text_atomic
from egoexobench.records.schema import Artifact, QueryRank, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

_Model = TypeVar("_Model", bound=BaseModel)
AUDIT_PREFIX = "audit-"
"""What the names of audits begin with, which may lie in the same folder."""


def make_record_id(created: datetime, seed: int, *fingerprints: str) -> str:
    """Return the id of a run: its second, its seed, and a hash that tells equal seconds apart.

    Args:
        created: When the run started, with its time zone.
        seed: Seed of the run.
        fingerprints: What else tells runs apart: of the method, of the data, the command.
    """
    text = "\0".join((created.isoformat(), str(seed), *fingerprints))
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{created.astimezone(UTC):%Y%m%dT%H%M%SZ}-seed{seed}-{digest}"


def slug(spec: str) -> str:
    """Return a spec as one readable path component; a hash keeps two specs apart.

    >>> safe("soundbridge")
    'soundbridge'
    >>> safe("soundbridge:residual=none")
    'soundbridge-residual-none-e08be0b9'
    """
    name = re.sub(r"[^a-z0-9]+", "-", spec.lower()).strip("-")[:48].rstrip("-")
    if name and name == spec:
        return name
    return f"{name}-{hashlib.sha256(spec.encode()).hexdigest()[:8]}".lstrip("-")


def write_record(record: Record, ranks: Iterable[QueryRank], out: Path) -> Path:
    """Write a record and its ranks, each whole or not at all, the record last.

    Returns:
        Where the record lies; it names the ranks file and its hash.

    Raises:
        DataError: if a record of that id is there already, or nothing can be written there.
    """
    folder = out / slug(record.method.spec) / slug(record.dataset.spec)
    path = folder / f"{record.id}.json"
    if path.exists():
        raise DataError(f"{path} is there already and a record is never overwritten")
    lines = "".join(rank.model_dump_json(exclude_none=True) + "\n" for rank in ranks)
    artefact = Artifact(
        file=f"{record.id}.ranks.jsonl", sha256=hashlib.sha256(lines.encode()).hexdigest()
    )
    write_text_atomic(folder / artefact.file, lines)
    named = record.model_copy(update={"artefacts": (*record.artefacts, artefact)})
    write_text_atomic(path, named.model_dump_json(indent=2) + "\n")
    return path


def find_records(folder: Path) -> list[Path]:
    """Return every record below a folder, by name."""
    return sorted(path for path in folder.rglob("*.json") if not path.name.startswith(AUDIT_PREFIX))


def read_record(path: Path) -> Record:
    """Read a record.

    Raises:
        DataError: naming the file and the field that does not fit.
    """
    return validate_json(path, read_text(path), Record)


def iter_ranks(path: Path) -> Iterator[QueryRank]:
    """Yield the per-query ranks that lie beside a record.

    Raises:
        DataError: if the file is missing, was changed since, or a line does not fit.
    """
    for artefact in read_record(path).artefacts:
        if not artefact.file.endswith(".ranks.jsonl"):
            continue
        file = path.with_name(artefact.file)
        text = read_text(file)
        if hashlib.sha256(text.encode()).hexdigest() != artefact.sha256:
            raise DataError(f"{file} is not the file that {path} names: its hash differs")
        for number, line in enumerate(text.splitlines(), 1):
            yield validate_json(file, line, QueryRank, f", line {number}")


def read_text(path: Path) -> str:
    """Return the text of a file, or raise a DataError that names it."""
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"cannot read {path}: byte {error.start} is not UTF-8") from error


def validate_json(path: Path, text: str, schema: type[_Model], place: str = "") -> _Model:
    """Return JSON text as its model, or raise a DataError that names file and field."""
    try:
        return schema.model_validate_json(text)
    except ValidationError as error:
        raise DataError(f"{path}{place}: {first_error(error)}") from None


def first_error(error: ValidationError) -> str:
    """Return the first thing that a schema found wrong: field, what was wanted, what was there."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "the file"
    if first["type"] == "extra_forbidden":
        return f"unknown field {field!r}"
    return f"{field}: {first['msg']} (found {str(first['input'])[:60]!r})"
