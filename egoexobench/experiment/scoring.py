"""Scores of every task that can be scored, each beside what guessing and knowing would give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from egoexobench.data.sampling import get_canonical_name
from egoexobench.errors import UsageError
from egoexobench.evaluation import tracks
from egoexobench.evaluation.recognition import Labelled, score_recognition
from egoexobench.evaluation.references import oracle_recognition, oracle_retrieval
from egoexobench.evaluation.retrieval import complete, score_retrieval
from egoexobench.evaluation.score import Score
from egoexobench.evaluation.tasks import policies
from egoexobench.evaluation.tracks import Showing, Track, track
from egoexobench.experiment.embed import Embedded
from egoexobench.protocols import Dataset, HasResolution, Progress
from egoexobench.types import (
    CROSS_VIEW_TASKS,
    RETRIEVAL_TASKS,
    CandidatePolicy,
    Embeddings,
    Query,
    ScoredTask,
    Split,
    Task,
    View,
)

if TYPE_CHECKING:
    from egoexobench.experiment.prepare import Ready

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
    found: Ready,
    name: str,
    tasks: Sequence[Task],
    embedded: Embedded,
    seed: int,
    progress: Progress,
) -> Scored:
    """Score embeddings on the test split.

    Args:
        found: the method that made them, and the data set that asks.
        name: registered name of the data set.
        tasks: those asked for; one that has nothing to score is told why.
        embedded: what is scored.
        seed: of the intervals.
        progress: shows the stage, a step a task.

    Raises:
        UsageError: if none of the tasks can be scored.
    """
    judge = Judge(found.dataset, name, embedded, showing(found), seed)
    entries: list[Entry] = []
    unscored: dict[Task, str] = {}
    with progress.stage("evaluate", len(tasks)) as advance:
        for task in tasks:
            told = judge.retrieval(task) if task in RETRIEVAL_TASKS else judge.recognition(task)
            if isinstance(told, str):
                unscored[task] = told
            else:
                entries += told
            advance(1)
    if not entries:
        raise UsageError("; ".join(f"{task}: {why}" for task, why in unscored.items()))
    if set(CROSS_VIEW_TASKS) <= set(tasks):
        entries += judge.association()
    return Scored(entries, unscored)


def showing(found: Ready) -> Showing:
    """Return how the method was shown clips and texts."""
    method = found.kit.method
    eyes = found.model.encoders.get("video")
    return Showing(
        sampling=get_canonical_name(method.sampling),
        frames=method.frames,
        resolution=eyes.resolution if isinstance(eyes, HasResolution) else None,
        template=method.template,
        similarity=method.similarity,
    )


@final
@dataclass(frozen=True, slots=True)
class Judge:
    """Scores one task after the other."""

    dataset: Dataset
    name: str
    embedded: Embedded
    showing: Showing
    seed: int

    def retrieval(self, task: Task) -> Found:
        """The entry of each candidate policy of a task."""
        sides = self.embedded.sides(task)
        if sides is None:
            return "the method has no text encoder"
        wide = [side.vectors.shape[1] for side in sides]
        if len(set(wide)) > 1:
            return f"it compares {wide[0]} features with {wide[1]}, and nothing maps one to another"
        found = []
        for policy in policies(task):
            asked = tracks.questions(self.dataset, SPLIT, task, policy)
            if complete(asked, *sides, policy)[0]:
                found.append(self._entry(task, asked, sides, policy))
        return found or f"no question of split {SPLIT!r} of {self.name} can be asked"

    def association(self) -> list[Entry]:
        """The mean of both directions between the views, for each candidate policy."""
        sides = self.embedded.videos, self.embedded.videos
        found = []
        for policy in policies("eg2ex"):
            asked = [
                tracks.questions(self.dataset, SPLIT, task, policy) for task in CROSS_VIEW_TASKS
            ]
            if all(complete(part, *sides, policy)[0] for part in asked):
                both = [query for part in asked for query in part]
                found.append(self._entry("association", both, sides, policy))
        return found

    def recognition(self, task: Task) -> Found:
        """The entry of a recognition task."""
        train, val, test = (
            tracks.items(self.dataset, split, task) for split in ("train", "val", SPLIT)
        )
        if not train or not test:
            return f"{self.name} has no labels for it in its splits 'train' and {SPLIT!r}"
        rng, videos = np.random.default_rng(self.seed), self.embedded.videos
        learnt, asked, chosen = (Labelled(items, videos) for items in (train, test, val))
        scored = score_recognition(learnt, asked, rng, val=chosen if val else None)
        oracle = oracle_recognition(train, test, rng, val=val or None)
        about = track(self.dataset, self.name, SPLIT, task, test, showing=self.showing)
        return [Entry(about, scored, oracle)]

    def _entry(
        self,
        task: ScoredTask,
        asked: Sequence[Query],
        sides: tuple[Embeddings, Embeddings],
        policy: CandidatePolicy,
    ) -> Entry:
        views: dict[str, View] = {clip.id: clip.view for clip in self.dataset.clips(SPLIT)}
        about = track(
            self.dataset, self.name, SPLIT, task, asked, policy=policy, showing=self.showing
        )
        rng = np.random.default_rng(self.seed)
        scored = score_retrieval(
            asked, *sides, rng, policy=policy, similarity=self.showing.similarity, views=views
        )
        return Entry(about, scored, oracle_retrieval(asked, rng, policy=policy, views=views))
