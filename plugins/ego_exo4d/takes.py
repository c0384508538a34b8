"""Takes with their cameras, captures and official splits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from egoexobench.toolbox.annotation_tables import describe_validation_error
from egoexobench.types import AnnotationIssue
from egoexobench_plugins.ego_exo4d.files import (
    ROW_CONFIG,
    JsonSource,
    require_list,
    require_mapping,
)

PSEUDO_CAMERAS = frozenset({"collage", "best_exo"})
"""Entries beside the cameras of a take: a mosaic of all, and a copy of the best one."""
COLOR_STREAMS = ("rgb", "0")
"""Keys of the color stream: of the glasses, whose other streams are gray, and of a GoPro."""


def _check_file_name(text: str) -> str:
    if text in ("", ".", "..") or not text.isprintable() or any(x in "/\\#" for x in text):
        message = f"{text[:60]!r} is not the name of a folder or file"
        raise ValueError(message)
    return text


FileName = Annotated[str, AfterValidator(_check_file_name)]


class _CameraRow(BaseModel):
    model_config = ROW_CONFIG

    cam_id: str = Field(min_length=1)
    is_ego: bool


def _check_cameras(cameras: tuple[_CameraRow, ...]) -> tuple[_CameraRow, ...]:
    worn = {camera.cam_id for camera in cameras if camera.is_ego}
    if both := worn & {camera.cam_id for camera in cameras if not camera.is_ego}:
        message = f"camera {min(both)[:60]!r} is worn and is not worn"
        raise ValueError(message)
    return cameras


class _CaptureRow(BaseModel):
    model_config = ROW_CONFIG

    capture_uid: str = Field(min_length=1)
    cameras: Annotated[tuple[_CameraRow, ...], AfterValidator(_check_cameras)]


class _TakeRow(BaseModel):
    model_config = ROW_CONFIG

    take_uid: str = Field(min_length=1)
    take_name: FileName
    capture_uid: str = Field(min_length=1)
    parent_task_name: str | None = None
    duration_sec: float | None = Field(None, gt=0, allow_inf_nan=False)
    best_exo: str | None = None
    is_narrated: bool | None = None
    is_dropped: bool | None = None
    frame_aligned_videos: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RecordedTake:
    """A take: ``ego`` is the camera that is used, ``exo`` all exo cameras; files by camera."""

    uid: str
    name: str
    capture: str
    scenario: str | None
    seconds: float | None
    """Its length; None if the file does not say it."""
    is_narrated: bool | None
    best_exo: str | None
    ego: str
    files: Mapping[str, str]
    """File name by camera, of the ego camera and of the exo cameras."""

    def find_exo(self, *names: str | None) -> str | None:
        """Return the first of some cameras that is an exo camera of the take; None for none."""
        return next((name for name in names if name in self.files and name != self.ego), None)


@dataclass(frozen=True, slots=True)
class TakeTable:
    """The takes that can be used by uid, why others cannot, and the issues of the files."""

    takes: Mapping[str, RecordedTake]
    unusable: Mapping[str, str]
    issues: tuple[AnnotationIssue, ...]

    def explain_missing(self, uid: str) -> str:
        """Return why a take that is annotated cannot be used."""
        reason = self.unusable.get(uid, "it is not in takes.json (redacted)")
        return f"take {uid[:60]!r} cannot be used: {reason}"


def read_takes(takes: JsonSource, captures: JsonSource) -> TakeTable:
    """Return the takes that have an ego camera; a dropped take is not an error.

    Raises:
        DataError: if a file is not a list.
    """
    views, issues = _read_camera_views(captures)
    usable: dict[str, RecordedTake] = {}
    unusable: dict[str, str] = {}
    names: dict[str, str] = {}
    for index, entry in enumerate(require_list(takes)):
        try:
            row = _TakeRow.model_validate(entry)
            if row.take_uid in usable:
                message = f"take {row.take_uid!r} appears twice"
                raise ValueError(message)
            if row.is_dropped:
                unusable[row.take_uid] = "it was dropped by the authors"
                continue
            if names.setdefault(row.take_name, row.take_uid) != row.take_uid:
                message = f"its name {row.take_name!r} is that of take {names[row.take_name]!r}"
                raise ValueError(message)
            if row.capture_uid not in views:
                message = f"capture {row.capture_uid!r} is not in {captures.name}"
                raise ValueError(message)
            take, notes = _build_take(row, views[row.capture_uid])
        except ValueError as error:  # a ValidationError is one
            reason = describe_error(error)
            if isinstance(entry, dict):
                unusable.setdefault(str(entry.get("take_uid")), reason)
            issues.append(AnnotationIssue(takes.name, f"entry {index}", reason))
            continue
        usable[take.uid] = take
        issues += [
            AnnotationIssue(takes.name, f"entry {index}", note, dropped=False) for note in notes
        ]
    return TakeTable(usable, unusable, tuple(issues))


def read_official_splits(source: JsonSource) -> Mapping[str, Any]:
    """Return the official split by uid of a take: train, val or test.

    Raises:
        DataError: if the file does not have it.
    """
    return require_mapping(source, "take_uid_to_split")


def _read_camera_views(
    captures: JsonSource,
) -> tuple[dict[str, Mapping[str, bool]], list[AnnotationIssue]]:
    """Return by capture whether each camera is an ego camera; names say it only mostly."""
    views: dict[str, Mapping[str, bool]] = {}
    issues = []
    for index, entry in enumerate(require_list(captures)):
        try:
            row = _CaptureRow.model_validate(entry)
            if row.capture_uid in views:
                message = f"capture {row.capture_uid!r} appears twice"
                raise ValueError(message)
        except ValueError as error:  # a ValidationError is one
            reason = describe_error(error)
            issues.append(AnnotationIssue(captures.name, f"entry {index}", reason))
            continue
        views[row.capture_uid] = {camera.cam_id: camera.is_ego for camera in row.cameras}
    return views, issues


def _build_take(row: _TakeRow, views: Mapping[str, bool]) -> tuple[RecordedTake, list[str]]:
    """Return a take, and what is wrong with cameras that are not used.

    Raises:
        ValueError: if it has no ego camera with a file.
    """
    files: dict[str, str] = {}
    notes: list[str] = []
    has_glasses: dict[str, bool] = {}
    for name, streams in sorted((row.frame_aligned_videos or {}).items()):
        if name in PSEUDO_CAMERAS:
            continue
        if name not in views:
            notes.append(f"camera {name[:60]!r} is not one of its capture; it is ignored")
            continue
        stream, reason = _find_color_file(streams)
        if reason:
            notes.append(f"camera {name[:60]!r} is ignored: {reason}")
            continue
        files[name] = stream
        has_glasses[name] = isinstance(streams, dict) and COLOR_STREAMS[0] in streams
    ego = sorted((name for name in files if views[name]), key=lambda name: not has_glasses[name])
    if not ego:
        message = f"take {row.take_name!r} has no ego camera with a video"
        raise ValueError(message)
    take = RecordedTake(
        uid=row.take_uid,
        name=row.take_name,
        capture=row.capture_uid,
        scenario=row.parent_task_name,
        seconds=row.duration_sec,
        is_narrated=row.is_narrated,
        best_exo=row.best_exo,
        ego=ego[0],
        files={name: files[name] for name in files if name == ego[0] or not views[name]},
    )
    return take, notes


def _find_color_file(streams: Any) -> tuple[str, str]:
    """Return the name of the color video of a camera, or why there is none."""
    paths = dict(_iter_paths(streams))
    path = next((PurePosixPath(paths[name]) for name in COLOR_STREAMS if name in paths), None)
    if path is None:
        return "", f"it has no path of a stream {' or '.join(COLOR_STREAMS)}"
    try:
        return _check_file_name("" if ".." in path.parts else path.name), ""
    except ValueError:
        return "", f"its path {str(path)[:60]!r} is not one of a video of the take"


def _iter_paths(streams: Any) -> Iterator[tuple[str, str]]:
    """Yield each stream and its path; a path may be null."""
    for name, entry in streams.items() if isinstance(streams, dict) else ():
        path = entry.get("relative_path") if isinstance(entry, dict) else None
        if isinstance(path, str):
            yield name, path


def describe_error(error: ValueError) -> str:
    """Return why an entry is not valid, in one line."""
    if isinstance(error, ValidationError):
        return describe_validation_error(error)
    return str(error)
