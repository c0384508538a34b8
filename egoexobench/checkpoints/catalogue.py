"""Which published files a method can start from. Nothing is downloaded from here."""

from __future__ import annotations

import re
from collections.abc import Iterator

from egoexobench.checkpoints.published import CHECKPOINTS_BY_METHOD
from egoexobench.checkpoints.release import PublishedCheckpoint
from egoexobench.errors import UsageError, format_unknown_name

_MD5 = re.compile(r"md5sum_([0-9a-f]+)")


def parse_md5_prefix(file: str) -> str | None:
    """Return the start of the MD5 sum that a file's name contains, or None.

    >>> parse_md5_prefix("clip_openai_timesformer_base.ep_0001.md5sum_02dbb9.pth")
    '02dbb9'
    """
    match = _MD5.search(file)
    return match[1] if match else None


def list_checkpoints(method: str) -> tuple[PublishedCheckpoint, ...]:
    """Return the files that a method can start from, the one to prefer first.

    Raises:
        UsageError: for a method that has none here.
    """
    if method not in CHECKPOINTS_BY_METHOD:
        raise UsageError(
            format_unknown_name("method", method, CHECKPOINTS_BY_METHOD, "in `weights list`")
        )
    return CHECKPOINTS_BY_METHOD[method]


def match_checkpoints(method: str, file_name: str) -> tuple[PublishedCheckpoint, ...]:
    """Return the checkpoints of that file name; if none has it, one for each set of consumers.

    Raises:
        UsageError: as `list_checkpoints`.
    """
    checkpoints = list_checkpoints(method)
    same_name = tuple(
        checkpoint for checkpoint in checkpoints if checkpoint.file.rpartition("/")[2] == file_name
    )
    first_of = {checkpoint.consumers: checkpoint for checkpoint in reversed(checkpoints)}
    return same_name or tuple(
        checkpoint for checkpoint in checkpoints if first_of[checkpoint.consumers] is checkpoint
    )


def iter_checkpoints() -> Iterator[tuple[str, PublishedCheckpoint]]:
    """Yield each method with each of its files."""
    for method, checkpoints in CHECKPOINTS_BY_METHOD.items():
        for checkpoint in checkpoints:
            yield method, checkpoint
