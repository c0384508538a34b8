"""Counts the clips of each view and of each camera."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic import BaseModel

from egoexobench.types import Clip, ClipContent, Split


class ViewCount(BaseModel):
    """Clips of a view or a camera; each counts once, in however many pairs it stands."""

    name: str
    num_usable: int
    num_clips: int
    num_takes: int
    """Takes of which it has a clip."""
    num_all_takes: int
    """Takes of the data set."""
    num_without_sound: int = 0
    """Usable clips without a sound track, or with a silent or an empty one."""


class _ClipCount(NamedTuple):
    """What is counted of a clip."""

    is_usable: bool
    is_silent: bool
    take: str


def count_views(
    clips: Sequence[tuple[Split, Clip]],
    usable: Collection[tuple[Split, str]],
    names: Mapping[str, str],
    without_sound: Collection[tuple[Split, str]] = (),
) -> tuple[ViewCount, ...]:
    """Return how many clips each view or camera has, in the order of their names.

    Args:
        clips: every clip with its split.
        usable: split and id of those that a run can use.
        names: of the view or the camera, by clip id.
        without_sound: split and id of the usable clips that have no sound.
    """
    num_all_takes = len({clip.take for _, clip in clips})
    groups: dict[str, dict[ClipContent, _ClipCount]] = {}
    for split, clip in clips:
        if clip.id in names:
            group = groups.setdefault(names[clip.id], {})
            key = split, clip.id
            group[clip.content] = _ClipCount(key in usable, key in without_sound, clip.take)
    return tuple(
        ViewCount(
            name=name,
            num_usable=sum(item.is_usable for item in group.values()),
            num_clips=len(group),
            num_takes=len({item.take for item in group.values()}),
            num_all_takes=num_all_takes,
            num_without_sound=sum(item.is_silent for item in group.values()),
        )
        for name, group in sorted(groups.items())
    )


def format_view_counts(views: Sequence[ViewCount], cameras: Sequence[ViewCount]) -> Iterator[str]:
    """Yield a line with the views, and a line for each camera if a view has several."""
    if views:
        counts = ", ".join(f"{view.name} {view.num_usable} of {view.num_clips}" for view in views)
        yield f"Usable clips by view, each counted once: {counts}"
        yield f"  without sound: {', '.join(map(_format_silence, views))}"
    if len(cameras) <= len(views):
        return
    for camera in cameras:
        num_missing = camera.num_all_takes - camera.num_takes
        missing = f", missing in {num_missing} of {camera.num_all_takes} takes"
        silent = f", {camera.num_without_sound} of them without sound"
        yield (
            f"  {camera.name}: {camera.num_usable} of {camera.num_clips} usable"
            f"{silent if camera.num_without_sound else ''}{missing if num_missing else ''}"
        )


def _format_silence(view: ViewCount) -> str:
    """Return how many usable clips of a view have no sound, and their share."""
    if not view.num_usable:
        return f"{view.name} 0 of 0"
    share = 100 * view.num_without_sound / view.num_usable
    return f"{view.name} {view.num_without_sound} of {view.num_usable} ({share:.1f} %)"
