"""`verify`: what records say, recomputed from the files beside them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from egoexobench.api.arguments import to_paths
from egoexobench.records.store import list_records
from egoexobench.verification.process import verify_bundles
from egoexobench.verification.result import Verification


def verify(path: str | Path | Iterable[str | Path]) -> tuple[Verification, ...]:
    """Recompute what records say in a process without plug-ins, as `egoexobench verify` does.

    Args:
        path: a record, a folder with records, or several of both.

    Returns:
        One result for each record: ``is_verified``, ``differences`` and ``skipped``, one line
        each; ``print`` it.

    Raises:
        UsageError: for a value that is no path.
        DataError: if there is no record.
    """
    return verify_bundles(list_records(to_paths(path)))
