"""Which videos an activity has, in either layout: lists of paths, or folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from egoexobench.errors import DataError
from egoexobench.types import SPLITS, VIEWS, AnnotationIssue, Split, View


class ListedVideo(NamedTuple):
    """A video of an activity; ``path`` is relative to the folder of the activity."""

    split: Split
    view: View
    path: str
    file: str
    row: str

    @property
    def stem(self) -> str:
        """Name of the file without its ending."""
        return PurePosixPath(self.path).stem

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which a pickle may have the video, the most exact one first."""
        name, stem = PurePosixPath(self.path).name, self.stem
        return (
            self.path,
            str(PurePosixPath(self.path).with_suffix("")),
            f"{self.view}_{stem}",
            f"{self.view}_{name}",
            name,
            stem,
        )


def list_videos(folder: Path) -> tuple[list[ListedVideo], list[AnnotationIssue]]:
    """Return the videos of an activity and the rows that are left out.

    Lists: ``{ego,exo}/{train,val,test}.csv``, a relative path of an MP4 file a line. Folders:
    ``{train,val,test}/{ego,exo}/*.mp4``. The view of a video is the name of the folder it stands
    in, or else that of its list.

    Raises:
        DataError: if there is neither a list nor a video.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; root needs a folder for each activity")
    rows = [*_iter_listed(folder), *_iter_folders(folder)]
    if not rows:
        raise DataError(
            f"{folder} has neither ego/train.csv (break_eggs, tennis_forehand) nor train/ego/*.mp4 "
            "(pour_milk, pour_liquid)"
        )
    videos: dict[str, ListedVideo] = {}
    issues: list[AnnotationIssue] = []
    for video in rows:
        reason = _find_fault(video)
        if not reason and video.path in videos:
            first = videos[video.path]
            reason = f"{video.path} stands in {first.file}, {first.row} already"
        if reason:
            issues.append(AnnotationIssue(video.file, video.row, reason))
        else:
            videos[video.path] = video
    return list(videos.values()), issues


def _iter_listed(folder: Path) -> Iterator[ListedVideo]:
    for split in SPLITS:
        for view in VIEWS:
            path = folder / view / f"{split}.csv"
            if not path.is_file():
                continue
            try:
                lines = path.read_text(encoding="utf-8-sig").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise DataError(f"cannot read {path}: {error}") from error
            for number, line in enumerate(lines, 1):
                if line.strip():
                    file = _complete_path(folder, view, str(PurePosixPath(line.strip())))
                    yield ListedVideo(
                        split, view, file, file=f"{view}/{split}.csv", row=f"line {number}"
                    )


def _complete_path(folder: Path, view: View, path: str) -> str:
    """Return a listed path from the folder of the activity; lists leave out one folder or more."""
    places = (path, f"{view}/{path}", path.removeprefix(f"{folder.name}/"))
    return next((name for name in places if os.path.isfile(folder / name)), path)


def _iter_folders(folder: Path) -> Iterator[ListedVideo]:
    for split in SPLITS:
        for view in VIEWS:
            for path in sorted((folder / split / view).glob("*.mp4")):
                name = path.relative_to(folder).as_posix()
                yield ListedVideo(split, view, name, file=name, row="file")


def _find_fault(video: ListedVideo) -> str:
    path = PurePosixPath(video.path)
    if path.is_absolute() or ".." in path.parts:
        return f"{video.path!r:.120} is outside the folder of the activity"
    if path.suffix.lower() != ".mp4":
        return f"{video.path!r:.120} is not the path of an MP4 file"
    if path.parent.name in VIEWS and path.parent.name != video.view:
        return (
            f"{video.path} stands in the folder {path.parent.name} and in the list of {video.view}"
        )
    return ""
