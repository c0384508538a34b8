"""Which view a video is: from the metadata or a view column, never from its name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from egoexobench.errors import DataError
from egoexobench.types import AnnotationIssue, View
from egoexobench_plugins.egoexolearn.files import Source
from egoexobench_plugins.egoexolearn.tables import Fine, Name, reason_of
from egoexobench_plugins.egoexolearn.tables import Video as VideoName


class Meta(BaseModel):
    """An entry of ``video_meta_downsampled.json``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    video_uid: VideoName
    num_frames: float = Field(gt=0)
    fps: float = Field(gt=0)
    view: View
    scene: Name
    task: str | None = None


@dataclass(frozen=True, slots=True)
class Video:
    """What is known of a video; ``seconds`` is None where no metadata tells."""

    view: View
    scene: str
    seconds: float | None


def known(
    meta: Source | None, fine: Iterable[Fine], findings: list[AnnotationIssue]
) -> dict[str, Video]:
    """Return every video that the metadata, or else a fine annotation, tells the view of."""
    videos = {} if meta is None else _read(meta, findings)
    for row in fine:
        videos.setdefault(row.video_uid, Video(row.view, row.scene, None))
    return videos


def wrong_view(videos: Mapping[str, Video], name: str, view: View) -> str | None:
    """Return what speaks against a video being of a view."""
    if name not in videos:
        return (
            f"the view of video {name!r} is not known; it must stand in "
            "video_meta_downsampled.json or in a fine_annotation file"
        )
    if videos[name].view != view:
        return f"video {name!r} is of view {videos[name].view}; it must be of view {view}"
    return None


def beyond(videos: Mapping[str, Video], name: str, start: float, end: float) -> str | None:
    """Return that a span reaches beyond its video by the metadata, which itself may be wrong.

    The published metadata give 42 exo videos of different lengths the same 3,157 frames.
    """
    seconds = videos[name].seconds
    if seconds is None or end <= seconds + 1.0:
        return None
    return (
        f"the span {start:g}-{end:g} s ends beyond video {name!r}, which is {seconds:.2f} s long "
        "by video_meta_downsampled.json; it is kept, the file itself will tell"
    )


def _read(meta: Source, findings: list[AnnotationIssue]) -> dict[str, Video]:
    try:
        entries = json.loads(meta.data)
    except ValueError as error:
        raise DataError(f"{meta.path} is no JSON: {error}") from error
    if not isinstance(entries, list):
        raise DataError(f"{meta.path} is no list of videos")
    videos: dict[str, Video] = {}
    for place, entry in enumerate(entries):
        try:
            row = Meta.model_validate(entry)
        except ValidationError as error:
            findings.append(AnnotationIssue(meta.name, f"entry {place}", reason_of(error)))
            continue
        if row.video_uid in videos:
            reason = f"video {row.video_uid!r} stands there twice"
            findings.append(AnnotationIssue(meta.name, f"entry {place}", reason))
            continue
        videos[row.video_uid] = Video(row.view, row.scene, row.num_frames / row.fps)
    return videos
