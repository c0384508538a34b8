"""Reads what a row stores of a run: its record, its ranks, and what was checked of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from egoexobench.errors import DataError
from egoexobench.leaderboard.reproduced import RunAudit, RunVerification
from egoexobench.records.artifacts import hash_artifact
from egoexobench.records.audit import list_failures, read_audit
from egoexobench.records.check_ranks import group_by_track
from egoexobench.records.store import AUDIT_PREFIX, read_record_and_ranks
from egoexobench.types import TrackKey
from egoexobench.verification.process import verify_bundles

if TYPE_CHECKING:
    from pathlib import Path

    from egoexobench.records.audit import Audit
    from egoexobench.records.schema import QueryRank, Record
    from egoexobench.verification.result import Verification

_NUM_LISTED = 5
_NUM_PARENTS = 3
"""An audit lies beside the record ``OUT/METHOD/DATASET/ID.json`` or in one of these folders."""


@dataclass(frozen=True, slots=True)
class RunSource:
    """A record with the ranks of each track, and what was verified and audited."""

    record: Record
    ranks: Mapping[TrackKey, Sequence[QueryRank]] = field(default_factory=dict)
    verification: RunVerification | None = None
    audits: tuple[RunAudit, ...] = ()


def read_run_sources(paths: Sequence[Path], *, timeout_s: float | None = None) -> list[RunSource]:
    """Read records of complete runs and verify them; failed runs are skipped.

    Args:
        paths: files of records.
        timeout_s: how long the verification may take, s; None for any time.

    Raises:
        DataError: if a record is not valid, or is not what follows from the files beside it.
    """
    runs = {path: read_record_and_ranks(path) for path in paths}
    complete = [path for path, (record, _) in runs.items() if record.status == "complete"]
    verifications = verify_bundles(complete, timeout_s=timeout_s)
    _check_verified(verifications)
    return [
        RunSource(
            record=record,
            ranks=group_by_track(ranks),
            verification=_describe_verification(path, record, verification),
            audits=tuple(find_audits(path, record)),
        )
        for path, verification in zip(complete, verifications, strict=True)
        for record, ranks in [runs[path]]
    ]


def _check_verified(verifications: Sequence[Verification]) -> None:
    wrong = [item for item in verifications if not item.is_verified]
    if not wrong:
        return
    lines = [line for item in wrong for line in str(item).splitlines()]
    more = f"; and {len(lines) - _NUM_LISTED} more" if len(lines) > _NUM_LISTED else ""
    raise DataError(
        f"{len(wrong)} of {len(verifications)} records are not what follows from the files beside "
        f"them; leave them out: {'; '.join(lines[:_NUM_LISTED])}{more}"
    )


def _describe_verification(
    path: Path, record: Record, verification: Verification
) -> RunVerification:
    return RunVerification(
        record_sha256=hash_artifact(path),
        files={artifact.file: artifact.sha256 for artifact in record.artifacts},
        skipped=verification.skipped,
    )


def find_audits(path: Path, record: Record) -> Iterator[RunAudit]:
    """Yield the audits of the method, code, data set and seed of a record, from its folders.

    Raises:
        DataError: if the file of an audit is not valid.
    """
    for file, audit in iter_audit_files(path, record):
        yield describe_audit(file, audit)


def iter_audit_files(
    path: Path, record: Record, read: Callable[[Path], Audit] = read_audit
) -> Iterator[tuple[Path, Audit]]:
    """Yield the files that `find_audits` describes, and what is in them.

    Args:
        path: file of the record.
        record: the record.
        read: reads an audit; for many records, which share folders, one that remembers.

    Raises:
        DataError: if the file of an audit is not valid.
    """
    for folder in list(path.parents)[:_NUM_PARENTS]:
        for file in sorted(folder.glob(f"{AUDIT_PREFIX}*.json")):
            audit = read(file)
            if _is_audit_of(audit, record):
                yield file, audit


def describe_audit(file: Path, audit: Audit) -> RunAudit:
    """Return what a row says of an audit."""
    return RunAudit(
        file=file.name,
        sha256=hash_artifact(file),
        passed=audit.passed,
        failures=tuple(list_failures(audit)),
    )


def _is_audit_of(audit: Audit, record: Record) -> bool:
    return (
        audit.seed == record.seed
        and audit.dataset.fingerprint == record.dataset.fingerprint
        and audit.method.fingerprint == record.method.fingerprint
        and audit.method.parts == record.method.parts
    )
