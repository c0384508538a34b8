"""The view and the camera that the name of a media file states.

Ego-Exo4D names the files of a take by camera: ``aria01_214-1`` is the color camera of the glasses,
other streams of them are gray or show the eyes, and ``cam01`` or ``gp01`` stand in the room
(EGO4D/Ego-Exo4D-docs aa763b1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from egoexobench.types import View

_VIEW_MARK = re.compile(r"(?<![a-z])(ego|exo)(\d*)(?![a-z])", re.IGNORECASE)
_EGO_SUFFIX = re.compile(r"(.+)EGO")
"""As in CharadesEgo: the ego file of `NAME` is `NAMEEGO`."""
_CAMERA = re.compile(r"(aria|cam|gp)(\d+)(?:_(\d+-\d+))?", re.IGNORECASE)
_COLOR_STREAM = "214-1"
_VIDEO_FOLDERS = {"frame_aligned_videos", "downscaled", "448"}
"""Folders of Ego-Exo4D between a take and its files."""


class ViewName(NamedTuple):
    """What the path of a file without its suffix states."""

    view: View
    camera: str
    """Such as ``ego``, ``exo2`` or ``cam01``."""
    group: str
    """The path without the camera: the same for all views of an activity; may be empty."""
    is_camera_alone: bool
    """The name of the file is the camera and nothing else, so that its folder is the take."""


def collect_ego_names(stems: Iterable[str]) -> set[str]:
    """Return the names that are exo files without a mark: those of ``NAME`` beside ``NAMEEGO``."""
    matches = (_EGO_SUFFIX.fullmatch(stem) for stem in stems)
    return {_strip_separators(match[1]) for match in matches if match}


def parse_view_name(stem: str, ego_names: set[str]) -> ViewName | str:
    """Return what a path states, or the reason why it states no view.

    >>> parse_view_name("t1/exo2", set())
    ViewName(view='exo', camera='exo2', group='t1', is_camera_alone=True)

    Args:
        stem: the path with `/` and without a suffix.
        ego_names: of `collect_ego_names`.
    """
    if match := _EGO_SUFFIX.fullmatch(stem):
        group = _strip_view_marks(_strip_separators(match[1]))
        return ViewName("ego", "ego", group=group, is_camera_alone=False)
    marks = list(_VIEW_MARK.finditer(stem))
    views = {mark[1].lower() for mark in marks}
    if len(views) > 1:
        return "its name contains both views"
    if not views and stem in ego_names:
        return ViewName("exo", "exo", group=stem, is_camera_alone=False)
    if not views:
        return _parse_camera_name(stem)
    numbered = [mark for mark in marks if mark[2]] or marks
    last_name = stem.rpartition("/")[2]
    return ViewName(
        view="ego" if views == {"ego"} else "exo",
        camera=numbered[-1][0].lower(),
        group=_strip_view_marks(stem),
        is_camera_alone=_VIEW_MARK.fullmatch(last_name) is not None,
    )


def _parse_camera_name(stem: str) -> ViewName | str:
    names = stem.split("/")
    cameras = [
        (index, match) for index, name in enumerate(names) if (match := _CAMERA.fullmatch(name))
    ]
    if not cameras:
        return "its name contains no view"
    index, match = cameras[-1]
    kind, stream = match[1].lower(), match[3]
    if stream is not None and (kind != "aria" or stream != _COLOR_STREAM):
        return "its name is that of a stream that is not the color camera"
    folders = names[:index]
    while folders and folders[-1] in _VIDEO_FOLDERS:
        folders.pop()
    return ViewName(
        view="ego" if kind == "aria" else "exo",
        camera=f"{kind}{match[2]}",
        group="/".join([*folders, *names[index + 1 :]]),
        is_camera_alone=index == len(names) - 1,
    )


def _strip_separators(name: str) -> str:
    return name.rstrip("_-. /")


def _strip_view_marks(stem: str) -> str:
    """Remove the view marks from a name; one separator stays where a mark was between two."""
    while mark := _VIEW_MARK.search(stem):
        before, after = stem[: mark.start()], stem[mark.end() :]
        if before and not before.endswith("/"):
            stem = _strip_separators(before) + after
        else:
            stem = before + after.lstrip("_-. /")
    return stem.rstrip("/")
