"""Whether a file is what a method wants, before a run depends on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from egoexobench.errors import DataError
from egoexobench.weights.catalogue import checksum
from egoexobench.weights.hub import AbsentError
from egoexobench.weights.load import Checkpoint, first, read
from egoexobench.weights.watch import Watched, holding

BLOCK = 1 << 24


@dataclass(frozen=True, slots=True)
class Report:
    """What was found; ``faults`` is empty where the file can be used."""

    tensors: int
    values: int
    half: int
    """Tensors that the file holds in half precision; they are read as single."""
    checksum: str | None
    """The MD5 sum's start, where the name carries one; it was compared."""
    beside: tuple[str, ...]
    """Entries beside the state."""
    spared: tuple[str, ...]
    """Tensors that no part takes and that are known to be of no use here."""
    faults: Mapping[str, str]
    """By the part that does not fit, or what else is wrong."""


def check(
    path: Path,
    loads: Mapping[str, Callable[[Path], object]],
    spare: Collection[str] = (),
    checkpoint: Checkpoint | None = None,
) -> Report:
    """Return what a weights file holds and what speaks against it.

    Args:
        path: the file.
        loads: by name of a part, what puts the file into it, strictly, such as its factory with
            ``weights=path``; the DataError that it raises becomes a fault. Head counts are not in
            the file: the part's options say them, and the catalogue says which are published.
        spare: patterns of tensors that no part need take; any other one left is a fault.
        checkpoint: the file's content, where it was read before.

    Raises:
        DataError: if the file cannot be read at all, or what a part needs beside it is absent.
        UsageError: for a part that cannot be made, whatever the file holds.
    """
    found = checkpoint or read(path)
    state = Watched(found.state)
    faults = dict(_sum(path))
    with holding(path, Checkpoint(state, found.meta, found.half)):
        for name, load in loads.items():
            try:
                load(path)
            except AbsentError:
                raise  # the file may well fit
            except DataError as error:
                faults[name] = str(error)
    left = [key for key in state if key not in state.taken]
    spared = [key for key in left if any(fnmatch(key, pattern) for pattern in spare)]
    other = [key for key in left if key not in spared]
    if other and len(faults.keys() & loads.keys()) < len(loads):  # else nothing of it is known
        faults["all parts together"] = f"{len(other)} unexpected ({first(other)}): none takes them"
    return Report(
        tensors=len(state),
        values=sum(one.numel() for one in found.state.values()),
        half=found.half,
        checksum=checksum(path.name),
        beside=tuple(found.meta),
        spared=tuple(spared),
        faults=faults,
    )


def _sum(path: Path) -> Mapping[str, str]:
    promised = checksum(path.name)
    if not promised:
        return {}
    starts = _md5(path)[: len(promised)]
    if starts == promised:
        return {}
    return {"checksum": f"its MD5 sum starts with {starts}, not {promised} as its name says"}


def _md5(path: Path) -> str:
    total = hashlib.md5(usedforsecurity=False)  # what the file's name holds; not for safety
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            total.update(block)
    return total.hexdigest()
