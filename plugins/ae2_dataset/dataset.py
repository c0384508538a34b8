"""The data set: whole videos, phases of their frames, and pairs for training."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import final

from egoexobench.protocols import Progress
from egoexobench.toolbox.splits import check_split, check_task
from egoexobench.toolbox.storage import hash_json
from egoexobench.types import (
    AnnotationIssue,
    Clip,
    FrameLabels,
    Pair,
    Query,
    Split,
    Task,
)
from egoexobench_plugins.ae2_dataset.boxes import BOX_FILE, BoxFiles, BoxSize, convert_boxes
from egoexobench_plugins.ae2_dataset.labels import LABEL_FILE, VideoLabels, read_labels
from egoexobench_plugins.ae2_dataset.pairs import draw_pairs
from egoexobench_plugins.ae2_dataset.videos import ListedVideo, list_videos

PAIRS_VERSION = 1
"""Version of the rule in `draw_pairs`."""


@final
class AE2Dataset:
    """One activity of AE2; the factory explains the options.

    Labels and boxes are read when they are needed first. A video whose labels do not fit is no clip
    of the data set; a video without boxes is one, and an encoder that reads them refuses it.
    """

    alignable = True
    """All videos show one activity, whose phases have one order."""
    alignment_stride = 5
    """zihuixue/AlignEgoExo e73d055, evaluation/kendalls_tau.py."""

    def __init__(
        self, root: Path, activity: str, boxes: BoxSize, *, partners: int, seed: int
    ) -> None:
        self.root, self.activity, self.boxes = root, activity, boxes
        self.partners, self.seed = partners, seed
        self._folder = (root / activity).resolve()
        self._videos, self._row_issues = list_videos(self._folder)

    @property
    def has_time_column(self) -> bool:
        """Whether ``progression`` reads the number of the frame: the release, for pour_liquid."""
        return self.activity == "pour_liquid"

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the list of videos, of labels and boxes, and of the rule for pairs."""
        videos = [video[:3] for video in self._videos]
        files = [self._hash_file(name) for name in (LABEL_FILE, BOX_FILE)]
        rule = [PAIRS_VERSION, self.partners, self.seed]
        return hash_json([self.activity, videos, files, self.boxes, rule])

    @property
    def missing(self) -> Mapping[str, str]:
        """Each missing file, and what cannot be done without it."""
        uses = {LABEL_FILE: "the tasks on frames"}
        if self.boxes != "none":
            uses[BOX_FILE] = "encoders that read boxes, such as ae2:object_centric=true"
        if self.activity == "pour_milk" and BOX_FILE in uses:
            uses[BOX_FILE] += "; it was never published for pour_milk"
        return {name: use for name, use in uses.items() if not (self._folder / name).is_file()}

    @property
    def findings(self) -> Sequence[AnnotationIssue]:
        """Rows that are left out, videos whose labels do not fit, and videos without boxes."""
        faults = self._box_files.faults.items()
        return (
            *self._row_issues,
            *self._labels[1],
            *(AnnotationIssue(BOX_FILE, path, fault, dropped=False) for path, fault in faults),
        )

    @cached_property
    def where(self) -> Mapping[str, str]:
        """File and row of each clip."""
        return {self._make_id(video): f"{video.file}, {video.row}" for video in self._used_videos}

    @property
    def phase_names(self) -> Sequence[str]:
        """The phases; the files have numbers alone."""
        largest = max((int(item.phases.max()) for item in self._labels[0].values()), default=-1)
        return tuple(f"phase {number}" for number in range(largest + 1))

    def list_frame_labels(self, split: Split) -> Sequence[FrameLabels]:
        """Phases of every frame of each video of the split."""
        check_split(split)
        labels, _ = self._labels
        return [
            FrameLabels(
                self._make_id(video),
                labels[video.path].times,
                labels[video.path].phases,
                activity=self.activity,
            )
            for video in self._used_videos
            if video.split == split and video.path in labels
        ]

    def prepare(self, progress: Progress) -> None:
        """Do nothing: the media files are used as they are."""

    def clips(self, split: Split) -> Sequence[Clip]:
        """Every video of the split, both views."""
        check_split(split)
        return self._clips.get(split, [])

    def pairs(self, split: Split) -> Sequence[Pair]:
        """Pairs of the split train; none in val and test, where no two videos belong together."""
        check_split(split)
        return self._train_pairs if split == "train" else []

    def queries(self, split: Split, task: Task) -> Sequence[Query]:
        """None: there are no candidate lists."""
        check_split(split)
        check_task(task)
        return []

    @cached_property
    def _train_pairs(self) -> list[Pair]:
        clips = self._clips.get("train", [])
        ego, exo = ([clip for clip in clips if clip.view == view] for view in ("ego", "exo"))
        return draw_pairs(ego, exo, self.partners, self.seed)

    @cached_property
    def _clips(self) -> dict[Split, list[Clip]]:
        clips: dict[Split, list[Clip]] = {}
        for video in self._used_videos:
            name = self._make_id(video)
            clip = Clip(
                id=name,
                view=video.view,
                media=str(self._folder / video.path),
                start=0.0,
                end=None,
                narration="",
                take=name,
                boxes=self._box_files.files.get(video.path),
            )
            clips.setdefault(video.split, []).append(clip)
        return clips

    @property
    def _used_videos(self) -> list[ListedVideo]:
        left_out = {issue.row for issue in self._labels[1]}
        return [video for video in self._videos if video.path not in left_out]

    @cached_property
    def _labels(self) -> tuple[dict[str, VideoLabels], list[AnnotationIssue]]:
        path = self._folder / LABEL_FILE
        return read_labels(path, self._videos) if path.is_file() else ({}, [])

    @cached_property
    def _box_files(self) -> BoxFiles:
        path = self._folder / BOX_FILE
        if self.boxes == "none" or not path.is_file():
            return BoxFiles({}, {})
        return convert_boxes(
            path,
            self._videos,
            activity=self.activity,
            size=self.boxes,
            content_hash=self._hash_file(BOX_FILE),
        )

    def _hash_file(self, name: str) -> str:
        path = self._folder / name
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _make_id(self, video: ListedVideo) -> str:
        return f"{self.activity}/{video.path.removesuffix('.mp4')}"
