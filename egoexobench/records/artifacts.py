"""The files beside a record: their names, and the check that they are those that it names."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from pathlib import Path

from egoexobench.errors import DataError
from egoexobench.records.schema import Artifact, Record

RANKS_SUFFIX = ".ranks.jsonl"
QUERIES_SUFFIX = ".queries.jsonl"
CLASS_SCORES_SUFFIX = ".class-scores.safetensors"
EMBEDDINGS_SUFFIX = ".embeddings.safetensors"
ANSWERS_SUFFIX = ".answers.jsonl"
PAIR_SCORES_SUFFIX = ".pair-scores.safetensors"
TOP_SUFFIX = ".top.jsonl"
RELEVANCE_SUFFIX = ".relevance.safetensors"
FRAMES_SUFFIX = ".frames.safetensors"
MAX_BYTES = {
    RANKS_SUFFIX: 2**31,
    QUERIES_SUFFIX: 2**31,
    CLASS_SCORES_SUFFIX: 2**34,
    EMBEDDINGS_SUFFIX: 2**36,
    ANSWERS_SUFFIX: 2**31,
    PAIR_SCORES_SUFFIX: 2**36,
    TOP_SUFFIX: 2**31,
    RELEVANCE_SUFFIX: 2**32,
    FRAMES_SUFFIX: 2**36,
}
"""The largest file that is read, by the end of its name; a run is far below."""
MAX_RECORD_BYTES = 2**26


def find_artifact(record: Record, suffix: str) -> Artifact | None:
    """Return the file of a record whose name ends so; None if it has none."""
    return next((item for item in record.artifacts if item.file.endswith(suffix)), None)


def check_artifact(path: Path, artifact: Artifact) -> Path:
    """Return the path of a file beside a record, after its hash was compared.

    Args:
        path: the record.
        artifact: the file as the record names it.

    Raises:
        DataError: if it is missing, no plain file (a link could lead anywhere), too large, or not
            what the record names.
    """
    file = path.with_name(artifact.file)
    limits = [size for suffix, size in MAX_BYTES.items() if file.name.endswith(suffix)]
    check_plain_size(file, max(limits, default=0), follow_links=False)
    if hash_artifact(file) != artifact.sha256:
        raise DataError(f"{file} is not the file that {path} names: its hash differs")
    return file


def check_plain_size(file: Path, max_bytes: int, *, follow_links: bool = True) -> None:
    """Check that a path is a plain file of a size that may be read.

    Raises:
        DataError: if it is missing, no plain file, or too large.
    """
    try:
        state = file.stat(follow_symlinks=follow_links)
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror}") from error
    if not stat.S_ISREG(state.st_mode):
        raise DataError(f"{file} is not a plain file; put the file itself there")
    if state.st_size > max_bytes:
        raise DataError(f"{file} has {state.st_size} bytes; at most {max_bytes} are read")


def iter_artifact_faults(record: Record) -> Iterator[str]:
    """Yield one line for each artifact of a record with a wrong name."""
    files = [artifact.file for artifact in record.artifacts]
    expected = {f"{record.id}{suffix}" for suffix in MAX_BYTES}
    for file in sorted(set(files)):
        if file not in expected:
            yield f"artifacts: {file!r} is no file of this record: {', '.join(sorted(expected))}"
        if files.count(file) > 1:
            yield f"artifacts: {file!r} is named {files.count(file)} times"
    if record.status == "complete" and f"{record.id}{RANKS_SUFFIX}" not in files:
        yield f"artifacts: the ranks are missing: {record.id}{RANKS_SUFFIX}"


def iter_unnamed_files(path: Path, record: Record) -> Iterator[str]:
    """Yield one line for each file of a record that lies beside it and that it does not name."""
    named = {artifact.file for artifact in record.artifacts}
    for suffix in MAX_BYTES:
        name = f"{record.id}{suffix}"
        if name not in named and path.with_name(name).exists():
            yield f"artifacts: {name} lies beside the record, which does not name it"


def hash_artifact(file: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        DataError: if it cannot be read.
    """
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror}") from error
