"""View and length of each video, from the metadata or a view column, never from its name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from egoexobench.errors import DataError
from egoexobench.toolbox.annotation_tables import VideoName, describe_validation_error
from egoexobench.types import AnnotationIssue, View
from egoexobench_plugins.egoexolearn.files import SourceFile
from egoexobench_plugins.egoexolearn.tables import FineRow, Name

METADATA_NAME = "video_meta_downsampled.json"


class VideoMetadata(BaseModel):
    """An entry of ``video_meta_downsampled.json``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    video_uid: VideoName
    num_frames: float = Field(gt=0)
    fps: float = Field(gt=0)
    view: View
    scene: Name
    task: str | None = None


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """View, scene and length in seconds; the length is None without metadata."""

    view: View
    scene: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class VideoTable:
    """Videos by name, and the issues of invalid entries."""

    videos: Mapping[str, VideoInfo]
    issues: Sequence[AnnotationIssue]


def read_videos(metadata: SourceFile | None, fine_rows: Iterable[FineRow]) -> VideoTable:
    """Return every video whose view is in the metadata or else in a fine annotation."""
    table = VideoTable({}, []) if metadata is None else _read_metadata(metadata)
    videos = dict(table.videos)
    for row in fine_rows:
        videos.setdefault(row.video_uid, VideoInfo(row.view, row.scene, None))
    return VideoTable(videos, table.issues)


def find_wrong_view(videos: Mapping[str, VideoInfo], name: str, view: View) -> str | None:
    """Return an error message if a video does not have the view, or None."""
    if reason := find_unknown_video(videos, name):
        return reason
    if videos[name].view != view:
        return f"video {name!r} has the view {videos[name].view}; it must have the view {view}"
    return None


def find_unknown_video(videos: Mapping[str, VideoInfo], name: str) -> str | None:
    """Return an error message if the view of a video is unknown, or None."""
    if name in videos:
        return None
    return (
        f"the view of video {name!r} is unknown: the video is neither in {METADATA_NAME} nor "
        "in a fine_annotation file"
    )


def find_late_end(
    videos: Mapping[str, VideoInfo], name: str, start: float, end: float
) -> str | None:
    """Return a message if a span ends after its video, or None; the metadata may be wrong.

    The published metadata have the same 3,157 frames for 42 exo videos of different lengths.
    """
    seconds = videos[name].seconds
    if seconds is None or end <= seconds + 1.0:
        return None
    return (
        f"the span {start:g}-{end:g} s ends after video {name!r}, which is {seconds:.2f} s long "
        f"according to {METADATA_NAME}; the clip is used, because the metadata may be wrong"
    )


def _read_metadata(metadata: SourceFile) -> VideoTable:
    try:
        entries = json.loads(metadata.data)
    except ValueError as error:
        raise DataError(f"{metadata.path} is not valid JSON: {error}") from error
    if not isinstance(entries, list):
        raise DataError(f"{metadata.path} must contain a list of videos")
    videos: dict[str, VideoInfo] = {}
    issues: list[AnnotationIssue] = []
    for index, entry in enumerate(entries):
        try:
            row = VideoMetadata.model_validate(entry)
        except ValidationError as error:
            reason = describe_validation_error(error)
            issues.append(AnnotationIssue(metadata.name, f"entry {index}", reason))
            continue
        if row.video_uid in videos:
            reason = f"video {row.video_uid!r} appears twice"
            issues.append(AnnotationIssue(metadata.name, f"entry {index}", reason))
            continue
        videos[row.video_uid] = VideoInfo(row.view, row.scene, row.num_frames / row.fps)
    return VideoTable(videos, issues)
