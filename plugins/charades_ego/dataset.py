"""The data set: clips, pairs and lists out of the tables."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import final

from egoexobench.protocols import Progress
from egoexobench.toolbox.storage import hash_json
from egoexobench.types import (
    SPLITS,
    AnnotationIssue,
    Clip,
    LabelSpace,
    Pair,
    Query,
    Split,
    Task,
    View,
)
from egoexobench_plugins.charades_ego import files, rows
from egoexobench_plugins.charades_ego.candidates import SIZE, VERSION, Negatives, ask, draw
from egoexobench_plugins.charades_ego.rows import ACTIONS, SCENES, Action, Video

VAL = 20
"""Percent of the scripts of train that are for validation; the share that SoundBridge names."""
DIVISION = 1
"""Version of the rule in :func:`_split`."""


@final
class CharadesEgo:
    """CharadesEgo version 1; options as in the factory.

    A clip is a whole video, ``verbs`` are its classes ``c000`` to ``c156``. Both views of a pair
    have one narration, its script, so that a text has two right videos. All videos of one script
    are on one side of the division into train and val.
    """

    alignable = True
    """A script is acted twice, once for each view (SoundBridge, 5.1.2, aligns them)."""

    def __init__(self, root: Path, videos: Path, negatives: Negatives, seed: int) -> None:
        self.root, self.negatives, self.seed = root, negatives, seed
        self._folder = videos.resolve()
        self._tables = files.gather(root)
        findings: list[AnnotationIssue] = []
        self._videos = _apart(rows.read(self._tables, findings), findings)
        self._stems = _stems(self._videos)
        self._clips = self._build()
        self.findings = (*findings, *_odd(self._stems))
        self._lists: dict[Split, dict[str, tuple[str, ...]]] = {}

    @property
    def fingerprint(self) -> str:
        """Hash of the tables, of the division into train and val, and of the lists of 20."""
        tables = {table.name: table.sha256 for table in self._tables}
        rules = [VERSION, DIVISION, VAL, self.negatives, self.seed]
        return hash_json([tables, rules])

    @property
    def actions(self) -> Sequence[str]:
        """The 157 classes of the task ``action``."""
        return ACTIONS

    @property
    def scenes(self) -> Sequence[str]:
        """The 16 classes of the task ``scene``."""
        return SCENES

    @property
    def versions(self) -> Mapping[Split, str]:
        """Which rules drew the lists of 20 and divided the official train."""
        lists = f"lists of {SIZE} version {VERSION}, negatives {self.negatives}, seed {self.seed}"
        divided = f"val version {DIVISION}, {VAL} % of the scripts of the official train"
        return {"train": divided, "val": f"{divided}; {lists}", "test": lists}

    def classes(self, task: Task) -> LabelSpace | None:
        """All 157 actions and all 16 scenes, on ego clips: the official test is of that view."""
        names = {"action": ACTIONS, "scene": SCENES}
        return LabelSpace("ego", names[task]) if task in names else None

    @cached_property
    def where(self) -> Mapping[str, str]:
        """File and row of each clip."""
        return {video.id: f"{video.file}, {video.row}" for video in self._videos}

    @property
    def missing(self) -> Mapping[str, str]:
        """Files that are not there, and what there is none of without them."""
        there = {table.split for table in self._tables}
        return {
            f"CharadesEgo_v1_{split}.csv": f"the videos of the split {split}"
            for split in ("train", "test")
            if split not in there
        }

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Names of the actions by class, where the list of them is there."""
        return files.classes(self.root)

    @cached_property
    def spans(self) -> Mapping[str, Sequence[Action]]:
        """Actions of each clip with their seconds, cut at the end of the video."""
        return {video.id: video.actions for video in self._videos}

    def prepare(self, progress: Progress) -> None:
        """Nothing has to be made."""

    def clips(self, split: Split) -> Sequence[Clip]:
        """Every video of the split, also those without a partner."""
        return self._clips[split]

    def pairs(self, split: Split) -> Sequence[Pair]:
        """The videos ``X`` and ``XEGO`` where both are in the split and have a script."""
        return self._pairs[split]

    def queries(self, split: Split, task: Task) -> Sequence[Query]:
        """The lists of 20 of the splits val and test, by the rule of :func:`lists.draw`."""
        if split == "train":
            return []
        pairs = self._pairs[split]
        if split not in self._lists:
            self._lists[split] = draw(pairs, self.negatives, self.seed)
        return ask(pairs, self._lists[split], task)

    @cached_property
    def _pairs(self) -> Mapping[Split, Sequence[Pair]]:
        return {split: _pairs(self._clips[split]) for split in SPLITS}

    def _build(self) -> dict[Split, list[Clip]]:
        clips: dict[Split, list[Clip]] = {split: [] for split in SPLITS}
        for video in self._videos:
            both = [video, *self._stems[video.split, video.stem].values()]
            script = next((one.script for one in reversed(both) if one.script), "")
            clip = Clip(
                id=video.id,
                view=video.view,
                media=str(self._folder / f"{video.id}.mp4"),
                start=0.0,
                end=None,
                narration=script,
                take=video.stem,
                scene=next((one.scene for one in both if one.scene), None),
                verbs=video.labels,
            )
            clips[_split(video, script)].append(clip)
        return clips


def _apart(videos: Sequence[Video], findings: list[AnnotationIssue]) -> list[Video]:
    """Leave out train videos whose other view is a test video: a method could have seen it."""
    tested = {video.stem for video in videos if video.split == "test"}
    leaks = [video for video in videos if video.split == "train" and video.stem in tested]
    reason = "its other view is in the split test; a pair must be in one split"
    findings += [AnnotationIssue(video.file, video.row, reason) for video in leaks]
    return [video for video in videos if video not in leaks]


_Stems = Mapping[tuple[Split, str], Mapping[View, Video]]


def _stems(videos: Sequence[Video]) -> _Stems:
    found: dict[tuple[Split, str], dict[View, Video]] = {}
    for video in sorted(videos, key=lambda one: one.view):
        found.setdefault((video.split, video.stem), {})[video.view] = video
    return found


def _split(video: Video, script: str) -> Split:
    if video.split != "train":
        return video.split
    share = hashlib.sha256((script or video.stem).encode()).hexdigest()[:8]
    return "val" if int(share, 16) % 100 < VAL else "train"


def _pairs(clips: Sequence[Clip]) -> list[Pair]:
    views = {(clip.take, clip.view): clip for clip in clips}
    return [
        Pair(f"pair/{clip.take}", clip, views[clip.take, "exo"], clip.narration)
        for clip in clips
        # no text stands for a pair without a script, so it can be neither trained on nor asked for
        if clip.view == "ego" and clip.narration and (clip.take, "exo") in views
    ]


def _odd(stems: _Stems) -> list[AnnotationIssue]:
    """Return the pairs whose two scripts differ, where the exo video's is taken, or are empty."""
    found = []
    for views in stems.values():
        first = views.get("exo") or views["ego"]
        told = {video.script for video in views.values() if video.script}
        names = " and ".join(repr(video.id) for video in views.values())
        if len(told) > 1:
            reason = f"videos {names} have two scripts; the exo one is taken"
            found.append(AnnotationIssue(first.file, first.row, reason, dropped=False))
        if not told and len(views) > 1:
            reason = f"videos {names} have no script; they are clips and no pair"
            found.append(AnnotationIssue(first.file, first.row, reason, dropped=False))
    return found
