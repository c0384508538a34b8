"""Counts the clips of each view and of each camera."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

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


def count_views(
    clips: Sequence[tuple[Split, Clip]],
    usable: Collection[tuple[Split, str]],
    names: Mapping[str, str],
) -> tuple[ViewCount, ...]:
    """Return how many clips each view or camera has, in the order of their names.

    Args:
        clips: every clip with its split.
        usable: split and id of those that a run can use.
        names: of the view or the camera, by clip id.
    """
    num_all_takes = len({clip.take for _, clip in clips})
    groups: dict[str, dict[ClipContent, tuple[bool, str]]] = {}
    for split, clip in clips:
        if clip.id in names:
            group = groups.setdefault(names[clip.id], {})
            group[clip.content] = (split, clip.id) in usable, clip.take
    return tuple(
        ViewCount(
            name=name,
            num_usable=sum(is_usable for is_usable, _ in group.values()),
            num_clips=len(group),
            num_takes=len({take for _, take in group.values()}),
            num_all_takes=num_all_takes,
        )
        for name, group in sorted(groups.items())
    )


def format_view_counts(views: Sequence[ViewCount], cameras: Sequence[ViewCount]) -> Iterator[str]:
    """Yield a line with the views, and a line for each camera if a view has several."""
    if views:
        counts = ", ".join(f"{view.name} {view.num_usable} of {view.num_clips}" for view in views)
        yield f"Usable clips by view, each counted once: {counts}"
    if len(cameras) <= len(views):
        return
    for camera in cameras:
        num_missing = camera.num_all_takes - camera.num_takes
        missing = f", missing in {num_missing} of {camera.num_all_takes} takes"
        yield (
            f"  {camera.name}: {camera.num_usable} of {camera.num_clips} usable"
            f"{missing if num_missing else ''}"
        )
