"""Scores of every task that can be scored, each beside what guessing and knowing would give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from egoexobench.errors import UsageError
from egoexobench.evaluate import tracks
from egoexobench.evaluate.recognition import Labelled, score_recognition
from egoexobench.evaluate.retrieval import complete, score_retrieval
from egoexobench.evaluate.sanity import oracle_recognition, oracle_retrieval
from egoexobench.evaluate.score import Score
from egoexobench.evaluate.tasks import policies
from egoexobench.evaluate.tracks import Track, track
from egoexobench.interfaces import Dataset
from egoexobench.progress import Progress
from egoexobench.run.embed import Embedded
from egoexobench.values import RETRIEVAL, Split, Task, View

SPLIT: Split = "test"
"""The only split that is ever scored; choices are made on `val`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One track, how the method scored on it, and how the right answers score."""

    track: Track
    score: Score
    oracle: Score


Found = list[Entry] | str
"""Entries of a task, or why there are none."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What was scored, and why the rest was not."""

    entries: Sequence[Entry]
    unscored: Mapping[Task, str]


def score(
    dataset: Dataset,
    name: str,
    tasks: Sequence[Task],
    embedded: Embedded,
    seed: int,
    progress: Progress,
) -> Scored:
    """Score embeddings on the test split.

    Args:
        dataset: asks the questions.
        name: its registered name.
        tasks: those asked for; one that has nothing to score is told why.
        embedded: what is scored.
        seed: of the intervals.
        progress: shows the stage, a step a task.

    Raises:
        UsageError: if none of the tasks can be scored.
    """
    entries: list[Entry] = []
    unscored: dict[Task, str] = {}
    with progress.stage("evaluate", len(tasks)) as advance:
        for task in tasks:
            scorer = _retrieval if task in RETRIEVAL else _recognition
            found = scorer(dataset, name, task, embedded, seed)
            if isinstance(found, str):
                unscored[task] = found
            else:
                entries += found
            advance(1)
    if not entries:
        raise UsageError("; ".join(f"{task}: {why}" for task, why in unscored.items()))
    return Scored(entries, unscored)


def _retrieval(dataset: Dataset, name: str, task: Task, embedded: Embedded, seed: int) -> Found:
    sides = embedded.sides(task)
    if sides is None:
        return "the method has no text encoder"
    views: dict[str, View] = {clip.id: clip.view for clip in dataset.clips(SPLIT)}
    found = []
    for policy in policies(task):
        asked = tracks.questions(dataset, SPLIT, task, policy)
        if complete(asked, *sides, policy)[0]:
            about = track(dataset, name, SPLIT, task, asked, policy=policy)
            rng = np.random.default_rng(seed)
            scored = score_retrieval(asked, *sides, rng, policy=policy, views=views)
            oracle = oracle_retrieval(asked, rng, policy=policy, views=views)
            found.append(Entry(about, scored, oracle))
    return found or f"no question of split {SPLIT!r} of {name} can be asked"


def _recognition(dataset: Dataset, name: str, task: Task, embedded: Embedded, seed: int) -> Found:
    train, val, test = (tracks.items(dataset, split, task) for split in ("train", "val", SPLIT))
    if not train or not test:
        return f"{name} has no labels for it in its splits 'train' and {SPLIT!r}"
    rng = np.random.default_rng(seed)
    learnt, asked, chosen = (Labelled(items, embedded.videos) for items in (train, test, val))
    scored = score_recognition(learnt, asked, rng, val=chosen if val else None)
    oracle = oracle_recognition(train, test, rng, val=val or None)
    return [Entry(track(dataset, name, SPLIT, task, test), scored, oracle)]
