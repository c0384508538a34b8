"""The questions of every retrieval track of a data set, without a method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoexobench.evaluation.tasks import policies
from egoexobench.evaluation.tracks import Track, questions, track
from egoexobench.experiment.scoring import SPLIT
from egoexobench.protocols import Dataset
from egoexobench.types import CROSS_VIEW_TASKS, RETRIEVAL_TASKS, CandidatePolicy, Query, ScoredTask


@dataclass(frozen=True, slots=True)
class Posed:
    """The questions of one track."""

    track: Track
    asked: Sequence[Query]
    policy: CandidatePolicy

    @property
    def called(self) -> str:
        """Task and candidate policy."""
        return f"{self.track.task} {self.policy}"

    @property
    def sources(self) -> list[str]:
        """Every id that asks."""
        return list(dict.fromkeys(query.source for query in self.asked))

    @property
    def candidates(self) -> list[str]:
        """Every id that is a candidate."""
        galleries = dict.fromkeys(query.gallery for query in self.asked)
        return list(dict.fromkeys(name for gallery in galleries for name in gallery.ids))


def posed(dataset: Dataset, name: str) -> Iterator[Posed]:
    """Yield the questions of each task, then those of both directions between the views at once.

    Args:
        dataset: asks them of its test split.
        name: its registered name.
    """
    asked: dict[tuple[ScoredTask, CandidatePolicy], list[Query]] = {
        (task, policy): questions(dataset, SPLIT, task, policy)
        for task in RETRIEVAL_TASKS
        for policy in policies(task)
    }
    for policy in policies(CROSS_VIEW_TASKS[0]):
        each = [asked[task, policy] for task in CROSS_VIEW_TASKS]
        asked["association", policy] = [query for part in each for query in part if all(each)]
    for (task, policy), found in asked.items():
        if found:
            about = track(dataset, name, SPLIT, task, found, policy=policy)
            yield Posed(about, found, policy)


def wanted(posed: Posed, sources: Sequence[str], candidates: Sequence[str]) -> NDArray[np.bool_]:
    """Which of the scores ``(S, C)`` a question asks for."""
    row = {name: place for place, name in enumerate(sources)}
    column = {name: place for place, name in enumerate(candidates)}
    found = np.zeros((len(row), len(column)), bool)
    lists = {
        gallery: [column[name] for name in gallery.ids if name in column]
        for gallery in dict.fromkeys(query.gallery for query in posed.asked)
    }
    for query in posed.asked:
        if query.source in row:
            found[row[query.source], lists[query.gallery]] = True
    return found
