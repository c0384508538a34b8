"""What one number or word of a clip recognises: the linear layer on a shortcut's cue alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from egoexobench.evaluation.recognition import Labelled, score_recognition
from egoexobench.evaluation.score import Score
from egoexobench.evaluation.tracks import Item, items, track
from egoexobench.experiment.inputs import Gathered
from egoexobench.experiment.scoring import SPLIT
from egoexobench.protocols import Dataset, Progress
from egoexobench.records.convert import to_record_score
from egoexobench.records.schema import ScoreRecord as Told
from egoexobench.records.shortcut_report import ReadsFrom, ShortcutScores
from egoexobench.shortcuts.features import Cue, Seen, cues
from egoexobench.types import SPLITS, Embeddings, Split, Task

BINS = 10
"""Parts of equal size that the training clips' numbers are cut into: one feature each."""

Look = Callable[[Cue], float | str | None]
LOOKS: Mapping[str, tuple[ReadsFrom, Look]] = {
    "duration": ("media", lambda cue: cue.duration),
    "loudness": ("media", lambda cue: cue.loudness),
    "scene": ("annotation", lambda cue: cue.scene),
}
"""Name to what it reads, and the cue; a scene is not recognised from itself."""


def recognised(
    dataset: Dataset,
    name: str,
    gathered: Gathered,
    tasks: Sequence[Task],
    progress: Progress,
) -> list[ShortcutScores]:
    """Return a row a shortcut with its score on each recognition task.

    Args:
        dataset: labels the clips.
        name: its registered name.
        gathered: which clips are there.
        tasks: recognition tasks.
        progress: shows the stage.
    """
    there = {split: {clip.id: clip for clip in gathered.clips[split]} for split in SPLITS}
    asked = {task: _asked(dataset, task, there) for task in tasks}
    every = {item.clip for splits in asked.values() for part in splits.values() for item in part}
    seen = [clip for split in SPLITS for key, clip in there[split].items() if key in every]
    known = cues(Seen(seen, ()), progress)
    found = []
    for shortcut, (reads, look) in LOOKS.items():
        values = {key: value for key, cue in known.items() if (value := look(cue)) is not None}
        scores: list[Told] = []
        for task in tasks:
            if task != shortcut and (score := _score(asked[task], values)):
                about = track(dataset, name, SPLIT, task, items(dataset, SPLIT, task))
                scores.append(to_record_score(about, score))
        if scores:
            told = {"name": shortcut, "reads": reads, "scores": tuple(scores)}
            found.append(ShortcutScores.model_validate(told))
    return found


def _asked(
    dataset: Dataset, task: Task, there: Mapping[Split, Mapping[str, object]]
) -> dict[Split, list[Item]]:
    return {
        split: [item for item in items(dataset, split, task) if item.clip in there[split]]
        for split in SPLITS
    }


def _score(
    asked: Mapping[Split, Sequence[Item]], values: Mapping[str, float | str]
) -> Score | None:
    """The score of the linear layer; None where no clip to learn from or to ask has the cue."""
    seen = [values[item.clip] for item in asked["train"] if item.clip in values]
    if not seen or not any(item.clip in values for item in asked[SPLIT]):
        return None
    names = tuple(values)
    embedded = Embeddings(names, _features([values[name] for name in names], seen))
    learnt, tested, chosen = (Labelled(asked[s], embedded) for s in ("train", SPLIT, "val"))
    val = chosen if any(item.clip in values for item in asked["val"]) else None
    return score_recognition(learnt, tested, np.random.default_rng(0), val=val)


def _features(values: Sequence[float | str], seen: Sequence[float | str]) -> Tensor:
    """One feature a word that was seen, or a tenth of the numbers that were, ``(N, F)``."""
    words = [value for value in values if isinstance(value, str)]
    if words:
        known = sorted({str(one) for one in seen})
        return torch.tensor([[float(value == one) for one in known] for value in values])
    edges = np.unique(np.quantile(np.asarray(seen, float), np.linspace(0, 1, BINS + 1)[1:-1]))
    places = np.searchsorted(edges, np.asarray(values, float))
    return torch.from_numpy(np.eye(len(edges) + 1)[places]).float()
