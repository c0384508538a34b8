"""Whether a file is what a method wants, before a run depends on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from egoexobench.errors import EgoExoBenchError
from egoexobench.weights.catalogue import checksum
from egoexobench.weights.load import read

BLOCK = 1 << 24


@dataclass(frozen=True, slots=True)
class Report:
    """What was found; ``faults`` is empty where the file can be used."""

    tensors: int
    values: int
    checksum: str | None
    """The MD5 sum's start, where the name carries one; it was compared."""
    beside: tuple[str, ...]
    """Entries beside the state."""
    faults: tuple[str, ...]


def check(path: Path, load: Callable[[Path], object]) -> Report:
    """Return what a weights file holds and what speaks against it.

    Args:
        path: the file.
        load: puts the file into the part that wants it, strictly, such as the part's factory with
            ``weights=path``; what it raises for the user becomes a fault. Head counts are not in
            the file: the part's options say them, and the catalogue says which are published.

    Raises:
        DataError: if the file cannot be read at all.
    """
    found = read(path)
    faults = []
    promised = checksum(path.name)
    if promised and not _md5(path).startswith(promised):
        faults.append(f"its MD5 sum starts with {_md5(path)[: len(promised)]}, not {promised}")
    try:
        load(path)
    except EgoExoBenchError as error:
        faults.append(str(error))
    return Report(
        tensors=len(found.state),
        values=sum(one.numel() for one in found.state.values()),
        checksum=promised,
        beside=tuple(found.meta),
        faults=tuple(faults),
    )


def _md5(path: Path) -> str:
    total = hashlib.md5(usedforsecurity=False)  # what the file's name holds; not for safety
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            total.update(block)
    return total.hexdigest()
