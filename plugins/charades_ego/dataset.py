"""The data set: clips, pairs and candidate lists from the tables."""

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
from egoexobench_plugins.charades_ego.candidates import (
    LISTS_VERSION,
    NUM_CANDIDATES,
    CandidateLists,
    Negatives,
    build_queries,
    draw_candidates,
)
from egoexobench_plugins.charades_ego.files import read_class_names, read_tables
from egoexobench_plugins.charades_ego.rows import (
    ACTIONS,
    SCENES,
    ActionSpan,
    VideoRow,
    read_videos,
)

VAL_PERCENT = 20
"""Percent of the scripts of train that become val; SoundBridge states this share."""
VAL_VERSION = 1
"""Version of the rule in :func:`_assign_split`."""
_VideosByStem = Mapping[tuple[Split, str], Mapping[View, VideoRow]]


@final
class CharadesEgoDataset:
    """CharadesEgo version 1; the factory explains the options.

    A clip is a whole video; its ``verbs`` are its classes, ``c000`` to ``c156``. Both views of a
    pair have one narration, their script, so that a text has two right videos. All videos of a
    script are in the same split.
    """

    alignable = True
    """A script is acted once for each view (SoundBridge, 5.1.2, aligns the views)."""

    def __init__(self, root: Path, videos: Path, negatives: Negatives, seed: int) -> None:
        self.root, self.negatives, self.seed = root, negatives, seed
        self._folder = videos.resolve()
        self._tables = read_tables(root)
        rows, row_issues = read_videos(self._tables)
        leak_issues = _find_leaks(rows)
        leaked = {(issue.file, issue.row) for issue in leak_issues}
        self._videos = [row for row in rows if (row.file, row.row) not in leaked]
        self._stems = _group_by_stem(self._videos)
        self._clips = self._build_clips()
        self.findings = (*row_issues, *leak_issues, *_find_script_issues(self._stems))
        self._lists: dict[Split, CandidateLists] = {}

    @property
    def fingerprint(self) -> str:
        """Hash of the tables, of the rule for val, and of the rule for the lists of 20."""
        tables = {table.name: table.sha256 for table in self._tables}
        rules = [LISTS_VERSION, VAL_VERSION, VAL_PERCENT, self.negatives, self.seed]
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
        """The rules for the lists of 20 and for val."""
        lists = (
            f"lists of {NUM_CANDIDATES} version {LISTS_VERSION}, negatives {self.negatives}, "
            f"seed {self.seed}"
        )
        val = f"val version {VAL_VERSION}, {VAL_PERCENT} % of the scripts of the official train"
        return {"train": val, "val": f"{val}; {lists}", "test": lists}

    def classes(self, task: Task) -> LabelSpace | None:
        """All 157 actions or all 16 scenes, on ego clips: the official test has this view."""
        names = {"action": ACTIONS, "scene": SCENES}
        return LabelSpace("ego", names[task]) if task in names else None

    @cached_property
    def where(self) -> Mapping[str, str]:
        """File and row of each clip."""
        return {video.id: f"{video.file}, {video.row}" for video in self._videos}

    @property
    def missing(self) -> Mapping[str, str]:
        """Each missing file, and what cannot be loaded without it."""
        available = {table.split for table in self._tables}
        return {
            f"CharadesEgo_v1_{split}.csv": f"the videos of the split {split}"
            for split in ("train", "test")
            if split not in available
        }

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Names of the actions by class; empty without a file of class names."""
        return read_class_names(self.root)

    @cached_property
    def spans(self) -> Mapping[str, Sequence[ActionSpan]]:
        """Actions of each clip with start and end, cut at the end of the video."""
        return {video.id: video.actions for video in self._videos}

    def prepare(self, progress: Progress) -> None:
        """Do nothing: the media files are used as they are."""

    def clips(self, split: Split) -> Sequence[Clip]:
        """Every video of the split, also those without a partner."""
        check_split(split)
        return self._clips[split]

    def pairs(self, split: Split) -> Sequence[Pair]:
        """The videos ``X`` and ``XEGO``, if both are in the split and have a script."""
        check_split(split)
        return self._pairs[split]

    def queries(self, split: Split, task: Task) -> Sequence[Query]:
        """Queries with 20 candidates of the splits val and test, see `draw_candidates`."""
        check_split(split)
        check_task(task)
        if split == "train":
            return []
        pairs = self._pairs[split]
        if split not in self._lists:
            self._lists[split] = draw_candidates(pairs, self.negatives, self.seed)
        return build_queries(pairs, self._lists[split], task)

    @cached_property
    def _pairs(self) -> Mapping[Split, Sequence[Pair]]:
        return {split: _build_pairs(self._clips[split]) for split in SPLITS}

    def _build_clips(self) -> dict[Split, list[Clip]]:
        clips: dict[Split, list[Clip]] = {split: [] for split in SPLITS}
        for video in self._videos:
            views = [video, *self._stems[video.split, video.stem].values()]
            script = next((view.script for view in reversed(views) if view.script), "")
            clip = Clip(
                id=video.id,
                view=video.view,
                media=str(self._folder / f"{video.id}.mp4"),
                start=0.0,
                end=None,
                narration=script,
                take=video.stem,
                scene=next((view.scene for view in views if view.scene), None),
                verbs=video.labels,
            )
            clips[_assign_split(video, script)].append(clip)
        return clips


def _find_leaks(videos: Sequence[VideoRow]) -> list[AnnotationIssue]:
    """Return an issue for each train video whose other view is a test video."""
    test_stems = {video.stem for video in videos if video.split == "test"}
    reason = "its other view is in the split test; both views of a pair must be in one split"
    return [
        AnnotationIssue(video.file, video.row, reason)
        for video in videos
        if video.split == "train" and video.stem in test_stems
    ]


def _group_by_stem(videos: Sequence[VideoRow]) -> _VideosByStem:
    groups: dict[tuple[Split, str], dict[View, VideoRow]] = {}
    for video in sorted(videos, key=lambda video: video.view):
        groups.setdefault((video.split, video.stem), {})[video.view] = video
    return groups


def _assign_split(video: VideoRow, script: str) -> Split:
    if video.split != "train":
        return video.split
    digits = hashlib.sha256((script or video.stem).encode()).hexdigest()[:8]
    return "val" if int(digits, 16) % 100 < VAL_PERCENT else "train"


def _build_pairs(clips: Sequence[Clip]) -> list[Pair]:
    views = {(clip.take, clip.view): clip for clip in clips}
    return [
        Pair(f"pair/{clip.take}", clip, views[clip.take, "exo"], clip.narration)
        for clip in clips
        # without a script a pair has no text, so it is used neither for training nor for queries
        if clip.view == "ego" and clip.narration and (clip.take, "exo") in views
    ]


def _find_script_issues(stems: _VideosByStem) -> list[AnnotationIssue]:
    """Return an issue for each pair with two different scripts, or with none."""
    issues = []
    for views in stems.values():
        first = views.get("exo") or views["ego"]
        scripts = {video.script for video in views.values() if video.script}
        names = " and ".join(repr(video.id) for video in views.values())
        if len(scripts) > 1:
            reason = f"videos {names} have two scripts; the exo script is used"
            issues.append(AnnotationIssue(first.file, first.row, reason, dropped=False))
        if not scripts and len(views) > 1:
            reason = f"videos {names} have no script; they are clips without a pair"
            issues.append(AnnotationIssue(first.file, first.row, reason, dropped=False))
    return issues
