"""Verifies one bundle: a record and the files beside it."""

from __future__ import annotations

from pathlib import Path

from egoexobench.errors import DataError
from egoexobench.records.store import iter_ranks, read_record
from egoexobench.verification.result import Verification


def verify_bundle(path: Path) -> Verification:
    """Recompute what a record says, in this process. It never raises for a bad file."""
    try:
        read_record(path)
        for _ in iter_ranks(path):
            pass
    except DataError as error:
        return Verification(path, (str(error),))
    return Verification(path)
