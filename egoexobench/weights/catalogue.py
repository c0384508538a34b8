"""Which published files a method can start from. Nothing is downloaded from here."""

from __future__ import annotations

import re
from collections.abc import Iterator

from egoexobench.errors import UsageError, unknown
from egoexobench.weights.published import METHODS
from egoexobench.weights.release import Release

__all__ = ["METHODS", "candidates", "checksum", "every", "wanted"]

_MD5 = re.compile(r"md5sum_([0-9a-f]+)")


def checksum(file: str) -> str | None:
    """Return the start of the MD5 sum that a file's name carries, or None.

    >>> checksum("clip_openai_timesformer_base.narrator_rephraser.ep_0001.md5sum_02dbb9.pth")
    '02dbb9'
    """
    found = _MD5.search(file)
    return found[1] if found else None


def wanted(method: str) -> tuple[Release, ...]:
    """Return the files that a method can start from.

    Raises:
        UsageError: for a method that has none here.
    """
    if method not in METHODS:
        raise UsageError(unknown("method with published weights", method, METHODS))
    return METHODS[method]


def candidates(method: str, name: str) -> tuple[Release, ...]:
    """Return the releases that a file of that name may be: the one so called, or all that differ.

    Raises:
        UsageError: as `wanted`.
    """
    releases = wanted(method)
    named = tuple(one for one in releases if one.file.rpartition("/")[2] == name)
    differing = {one.shares: one for one in reversed(releases)}
    return named or tuple(one for one in releases if differing[one.shares] is one)


def every() -> Iterator[tuple[str, Release]]:
    """Each method with each of its files."""
    for method, releases in METHODS.items():
        for release in releases:
            yield method, release
