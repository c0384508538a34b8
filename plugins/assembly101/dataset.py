"""The data set: clips and pairs from the segments."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Literal, final

from egoexobench.protocols import Progress
from egoexobench.toolbox.splits import check_split, check_task
from egoexobench.toolbox.storage import hash_json
from egoexobench.types import SPLITS, AnnotationIssue, Clip, Pair, Query, Split, Task, View
from egoexobench_plugins.assembly101.coarse import read_coarse_segments
from egoexobench_plugins.assembly101.fine import read_fine_segments
from egoexobench_plugins.assembly101.segments import ActionSegment

VAL_PERCENT = 10
"""Percent of the sequences of the official train that become val."""
SPLITS_VERSION = 1
"""Version of the rule in :func:`_assign_split`."""
Annotations = Literal["fine", "coarse"]
Cameras = Literal["one", "all"]
Labels = Literal["verb", "action"]


@final
class Assembly101Dataset:
    """Assembly101; the factory explains the options.

    The id of a clip is sequence, camera and span; all clips of a sequence are one take, so that
    their queries are one cluster.
    """

    alignable = True
    """All cameras of a sequence film at the same time."""

    def __init__(
        self,
        root: Path,
        videos: Path,
        *,
        annotations: Annotations = "fine",
        cameras: Cameras = "one",
        labels: Labels = "verb",
    ) -> None:
        self._folder, self._cameras, self._labels = videos.resolve(), cameras, labels
        read = read_fine_segments if annotations == "fine" else read_coarse_segments
        tables = read(root)
        self._hashes = {source.name: source.sha256 for source in tables.sources}
        complete: list[ActionSegment] = []
        incomplete: list[ActionSegment] = []
        for segment in tables.segments:
            has_both = segment.ego_views and segment.exo_views
            (complete if has_both else incomplete).append(segment)
        leaks = _find_leaks(complete)
        leaked = {id(segment) for segment in leaks}
        self._segments = [segment for segment in complete if id(segment) not in leaked]
        self.findings = (
            *tables.issues,
            *(_make_issue(s, "it has no worn or no fixed camera") for s in incomplete),
            *(_make_issue(s, f"sequence {s.sequence!r} is in both splits") for s in leaks),
        )
        self._clips, self._pairs = self._build()

    @property
    def fingerprint(self) -> str:
        """Hash of the files, of the options and of the rule for val."""
        rules = [SPLITS_VERSION, VAL_PERCENT]
        return hash_json([self._hashes, rules, self._cameras, self._labels])

    @property
    def versions(self) -> Mapping[Split, str]:
        """The rules for the splits."""
        train = (
            f"split version {SPLITS_VERSION}, {VAL_PERCENT} % of the sequences of the official "
            "train are val"
        )
        return {"train": train, "val": train, "test": "the official validation"}

    @cached_property
    def where(self) -> Mapping[str, str]:
        """File and row of each clip."""
        return {
            _name_clip(segment, camera): segment.location
            for segment in self._segments
            for camera in (*segment.ego_views, *segment.exo_views)
        }

    @cached_property
    def cameras(self) -> Mapping[str, str]:
        """Camera of each clip; whether the files of a camera have sound is not documented."""
        return {clip.id: Path(clip.media).stem for split in SPLITS for clip in self._clips[split]}

    def prepare(self, progress: Progress) -> None:
        """Do nothing: the media files are used as they are."""

    def clips(self, split: Split) -> Sequence[Clip]:
        """Every clip of the chosen cameras."""
        check_split(split)
        return self._clips[split]

    def pairs(self, split: Split) -> Sequence[Pair]:
        """A worn and a fixed camera of one segment."""
        check_split(split)
        return self._pairs[split]

    def queries(self, split: Split, task: Task) -> Sequence[Query]:
        """Nothing: no lists were published."""
        check_split(split)
        check_task(task)
        return []

    def _build(self) -> tuple[dict[Split, list[Clip]], dict[Split, list[Pair]]]:
        clips: dict[Split, dict[str, Clip]] = {split: {} for split in SPLITS}
        pairs: dict[Split, dict[str, Pair]] = {split: {} for split in SPLITS}
        last = 1 if self._cameras == "one" else None
        for segment in self._segments:
            split = _assign_split(segment)
            worn = [self._build_clip(segment, name, "ego") for name in segment.ego_views[:last]]
            fixed = [self._build_clip(segment, name, "exo") for name in segment.exo_views[:last]]
            clips[split] |= {clip.id: clip for clip in (*worn, *fixed)}
            for ego, exo in product(worn, fixed):
                name = f"{ego.id}+{Path(exo.media).stem}"
                pairs[split][name] = Pair(name, ego, exo, segment.action)
        return (
            {split: list(by_id.values()) for split, by_id in clips.items()},
            {split: list(by_id.values()) for split, by_id in pairs.items()},
        )

    def _build_clip(self, segment: ActionSegment, camera: str, view: View) -> Clip:
        label = segment.action if self._labels == "action" else segment.verb
        return Clip(
            id=_name_clip(segment, camera),
            view=view,
            media=str(self._folder / segment.sequence / f"{camera}.mp4"),
            start=segment.start,
            end=segment.end,
            narration=segment.action,
            take=segment.sequence,
            verbs=(label,) if label else (),
            nouns=(segment.noun,) if segment.noun else (),
        )


def _name_clip(segment: ActionSegment, camera: str) -> str:
    span = f"{segment.start:.3f}-{segment.end:.3f}"
    return f"{segment.sequence}/{camera}/{span}/{segment.action}"


def _assign_split(segment: ActionSegment) -> Split:
    if segment.split != "train":
        return segment.split
    digits = hashlib.sha256(segment.sequence.encode()).hexdigest()[:8]
    return "val" if int(digits, 16) % 100 < VAL_PERCENT else "train"


def _find_leaks(segments: Sequence[ActionSegment]) -> list[ActionSegment]:
    """Return the train segments of sequences that are tested."""
    tested = {segment.sequence for segment in segments if segment.split == "test"}
    return [s for s in segments if s.split == "train" and s.sequence in tested]


def _make_issue(segment: ActionSegment, reason: str) -> AnnotationIssue:
    file, _, row = segment.location.rpartition(", ")
    return AnnotationIssue(file, row, reason)
