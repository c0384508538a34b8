"""Checks whether a weights file fits the parts of a method, before a run depends on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from egoexobench.checkpoints.catalogue import parse_md5_prefix
from egoexobench.errors import DataError
from egoexobench.toolbox.checkpoint import Checkpoint, join_first, read_checkpoint
from egoexobench.toolbox.hub import FileUnavailableError
from egoexobench.toolbox.tracked_state import TrackedStateDict, override_checkpoint

READ_SIZE = 1 << 24


@dataclass(frozen=True, slots=True)
class CheckpointReport:
    """Content of a weights file, and its faults: none if the file can be used."""

    num_tensors: int
    num_values: int
    num_half: int
    """Tensors that the file contains in half precision; they are read as single precision."""
    md5_prefix: str | None
    """Start of the MD5 sum, if the file's name contains one; it was compared."""
    metadata_keys: tuple[str, ...]
    """Entries beside the state."""
    ignored_keys: tuple[str, ...]
    """Tensors that no part loads and that are known to be unused."""
    faults: Mapping[str, str]
    """By part that does not fit, or other check that failed: the reason."""


def check_checkpoint(
    path: Path,
    loaders: Mapping[str, Callable[[Path], object]],
    ignored_keys: Collection[str] = (),
    checkpoint: Checkpoint | None = None,
) -> CheckpointReport:
    """Return what a weights file contains and why it does not fit.

    Args:
        path: the file.
        loaders: by name of a part, what loads the file into it, strictly, such as its factory with
            ``weights=path``; the DataError that it raises becomes a fault. Head counts are not in
            the file: they are options of the part, and the catalogue lists the published ones.
        ignored_keys: patterns of tensors that no part must load; any other unused one is a fault.
        checkpoint: the file's content, if it was read before.

    Raises:
        DataError: if the file cannot be read at all, or another file that a part needs is missing.
        UsageError: for a part that cannot be created, whatever the file contains.
    """
    content = checkpoint or read_checkpoint(path)
    state_dict = TrackedStateDict(content.state_dict)
    faults = {**_compare_md5(path), **_load_parts(path, loaders, content, state_dict)}
    unused = [key for key in state_dict if key not in state_dict.used_keys]
    ignored = [key for key in unused if any(fnmatch(key, pattern) for pattern in ignored_keys)]
    unexpected = [key for key in unused if key not in ignored]
    # if no part could load the file, unused tensors say nothing
    if unexpected and len(faults.keys() & loaders.keys()) < len(loaders):
        listed = join_first(unexpected)
        faults["all parts together"] = (
            f"{len(unexpected)} unexpected ({listed}): no part loads them"
        )
    return CheckpointReport(
        num_tensors=len(state_dict),
        num_values=sum(tensor.numel() for tensor in content.state_dict.values()),
        num_half=content.num_half,
        md5_prefix=parse_md5_prefix(path.name),
        metadata_keys=tuple(content.metadata),
        ignored_keys=tuple(ignored),
        faults=faults,
    )


def _load_parts(
    path: Path,
    loaders: Mapping[str, Callable[[Path], object]],
    content: Checkpoint,
    state_dict: TrackedStateDict,
) -> dict[str, str]:
    faults: dict[str, str] = {}
    tracked = Checkpoint(state_dict, content.metadata, content.num_half)
    with override_checkpoint(path, tracked):
        for name, load in loaders.items():
            try:
                load(path)
            except FileUnavailableError:
                raise  # the weights may still be right
            except DataError as error:
                faults[name] = str(error)
    return faults


def _compare_md5(path: Path) -> dict[str, str]:
    expected = parse_md5_prefix(path.name)
    if not expected:
        return {}
    actual = _compute_md5(path)[: len(expected)]
    if actual == expected:
        return {}
    return {"checksum": f"its MD5 sum starts with {actual}, not {expected} as its name says"}


def _compute_md5(path: Path) -> str:
    md5 = hashlib.md5(usedforsecurity=False)  # what the file's name contains; not for safety
    with path.open("rb") as file:
        while block := file.read(READ_SIZE):
            md5.update(block)
    return md5.hexdigest()
