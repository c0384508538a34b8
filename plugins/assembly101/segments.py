"""A segment of a sequence: one action, seen by several cameras at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from egoexobench.toolbox.annotation_tables import AnnotationFile
from egoexobench.types import AnnotationIssue, Split, View

FRAME_RATE = 30.0
"""Frames are counted at this rate in all annotations; raw videos have 60 (A101 0165128)."""
_FIXED = re.compile(r"C\d+_rgb")
_WORN = re.compile(r"HMC_\d+_mono\w*")
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]*")


@dataclass(frozen=True, slots=True)
class ActionSegment:
    """An action with its start and end in s, its cameras, and where it stands."""

    split: Split
    sequence: str
    start: float
    end: float
    action: str
    ego_views: tuple[str, ...]
    exo_views: tuple[str, ...]
    location: str
    verb: str = ""
    noun: str = ""


class SegmentTables(NamedTuple):
    """The segments, the issues of rows that cannot be used, and the files."""

    segments: list[ActionSegment]
    issues: list[AnnotationIssue]
    sources: list[AnnotationFile]


def find_view(name: str) -> View | None:
    """Return whether a camera is worn or fixed; None for a name that is neither.

    >>> find_view("C10404_rgb"), find_view("HMC_84346135_mono10bit"), find_view("depth")
    ('exo', 'ego', None)
    """
    if _FIXED.fullmatch(name):
        return "exo"
    return "ego" if _WORN.fullmatch(name) else None


def split_video_name(text: str) -> tuple[str, str]:
    """Return sequence and camera of a name such as ``SEQUENCE/C10404_rgb.mp4``.

    Raises:
        ValueError: if it is another name, such as a path that leaves the folder.
    """
    sequence, _, file = text.partition("/")
    view = file.removesuffix(".mp4")
    if not _NAME.fullmatch(sequence) or not _NAME.fullmatch(view):
        raise ValueError(f"{text[:80]!r} is no video such as SEQUENCE/C10404_rgb.mp4")
    return sequence, view
