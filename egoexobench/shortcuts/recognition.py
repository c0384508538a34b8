"""Scores shortcuts on recognition: the linear layer on one feature of a clip alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from egoexobench.evaluation.queries import LabeledClip, collect_labeled_clips
from egoexobench.evaluation.recognition import LabeledEmbeddings, score_recognition
from egoexobench.evaluation.results import Score
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.evaluation.tracks import build_recognition_track
from egoexobench.protocols import Dataset, Progress
from egoexobench.records import schema
from egoexobench.records.convert import to_record_score
from egoexobench.records.shortcut_report import ReadsFrom, ShortcutScores
from egoexobench.shortcuts.data import ShortcutData
from egoexobench.shortcuts.features import ShortcutFeatures, extract_shortcut_features
from egoexobench.types import SPLITS, Clip, Embeddings, Split, Task

NUM_BINS = 10
"""Number of bins of equal size into which the numbers of the training clips are divided."""

FeatureGetter = Callable[[ShortcutFeatures], float | str | None]
FEATURES: Mapping[str, tuple[ReadsFrom, FeatureGetter]] = {
    "duration": ("media", lambda features: features.duration),
    "loudness": ("media", lambda features: features.loudness),
    "scene": ("annotation", lambda features: features.scene),
}
"""Name to what it reads, and its feature; a scene is not recognized from itself."""

ItemsBySplit = Mapping[Split, Sequence[LabeledClip]]


def score_recognition_shortcuts(
    data: ShortcutData, tasks: Sequence[Task], progress: Progress
) -> list[ShortcutScores]:
    """Return the score of each shortcut on each recognition task.

    Args:
        data: a prepared data set and the clips that are used.
        tasks: recognition tasks.
        progress: shows the stage.
    """
    dataset = data.dataset
    usable = {split: {clip.id: clip for clip in data.clips[split]} for split in SPLITS}
    items_by_task = {task: _list_items(dataset, task, usable) for task in tasks}
    clips = _list_clips(usable, items_by_task)
    features = extract_shortcut_features(clips, progress, clip_keys=data.clip_keys)
    rows = []
    for name, (reads, get_feature) in FEATURES.items():
        values = {
            key: value for key, item in features.items() if (value := get_feature(item)) is not None
        }
        scores: list[schema.ScoreRecord] = []
        for task in tasks:
            if task != name and (score := _score_feature(items_by_task[task], values)):
                labeled = collect_labeled_clips(dataset, TEST_SPLIT, task)
                scored = build_recognition_track(dataset, data.record.name, task, labeled)
                scores.append(to_record_score(scored, score))
        if scores:
            row = {"name": name, "reads": reads, "scores": tuple(scores)}
            rows.append(ShortcutScores.model_validate(row))
    return rows


def _list_items(
    dataset: Dataset, task: Task, usable: Mapping[Split, Mapping[str, Clip]]
) -> dict[Split, list[LabeledClip]]:
    return {
        split: [
            item
            for item in collect_labeled_clips(dataset, split, task)
            if item.clip_id in usable[split]
        ]
        for split in SPLITS
    }


def _list_clips(
    usable: Mapping[Split, Mapping[str, Clip]], items_by_task: Mapping[Task, ItemsBySplit]
) -> list[Clip]:
    """The clips that any task recognizes."""
    ids = {
        item.clip_id
        for by_split in items_by_task.values()
        for labeled in by_split.values()
        for item in labeled
    }
    return [clip for split in SPLITS for name, clip in usable[split].items() if name in ids]


def _score_feature(items_by_split: ItemsBySplit, values: Mapping[str, float | str]) -> Score | None:
    """Score the linear layer; None if no training clip or no test clip has the feature."""
    train_values = [
        values[item.clip_id] for item in items_by_split["train"] if item.clip_id in values
    ]
    if not train_values or not any(item.clip_id in values for item in items_by_split[TEST_SPLIT]):
        return None
    one_hot = _encode_one_hot(list(values.values()), train_values)
    embeddings = Embeddings(tuple(values), one_hot)
    train, test, val = (
        LabeledEmbeddings(items_by_split[split], embeddings)
        for split in ("train", TEST_SPLIT, "val")
    )
    has_val = any(item.clip_id in values for item in items_by_split["val"])
    rng = np.random.default_rng(0)
    return score_recognition(train, test, rng=rng, val=val if has_val else None)


def _encode_one_hot(values: Sequence[float | str], train_values: Sequence[float | str]) -> Tensor:
    """One feature for each word of the training clips, or for each bin of numbers, ``(N, F)``."""
    if any(isinstance(value, str) for value in values):
        words = sorted({str(value) for value in train_values})
        return torch.tensor([[float(value == word) for word in words] for value in values])
    quantiles = np.linspace(0, 1, NUM_BINS + 1)[1:-1]
    edges = np.unique(np.quantile(np.asarray(train_values, float), quantiles))
    bins = np.searchsorted(edges, np.asarray(values, float))
    return torch.from_numpy(np.eye(len(edges) + 1)[bins]).float()
