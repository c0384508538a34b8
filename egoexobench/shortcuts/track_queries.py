"""The queries of every retrieval track of a data set."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from egoexobench.evaluation.queries import build_queries
from egoexobench.evaluation.tasks import TEST_SPLIT, list_candidate_policies
from egoexobench.evaluation.tracks import Track, build_retrieval_track
from egoexobench.protocols import Dataset
from egoexobench.types import (
    CROSS_VIEW_TASKS,
    GRADED_POLICY,
    RETRIEVAL_TASKS,
    TEXT_TASKS,
    CandidatePolicy,
    Query,
    ScoredTask,
    Task,
    TrackKey,
)


@dataclass(frozen=True, slots=True)
class TrackQueries:
    """One track and its queries."""

    track: Track
    queries: Sequence[Query]
    policy: CandidatePolicy

    @property
    def label(self) -> str:
        """Task and candidate policy."""
        return f"{self.track.task} {self.policy}"

    @property
    def has_texts(self) -> bool:
        """Whether sources or candidates are texts, which neither last nor sound."""
        return self.track.task in TEXT_TASKS

    @property
    def parts(self) -> list[TrackKey]:
        """The tracks that have the same queries together; none unless it is ``association``."""
        is_joined = self.track.task == "association"
        return [TrackKey(task, self.policy) for task in CROSS_VIEW_TASKS] if is_joined else []

    @property
    def sources(self) -> list[str]:
        """Id of every source, without duplicates."""
        return list(dict.fromkeys(query.source for query in self.queries))

    @property
    def candidates(self) -> list[str]:
        """Id of every candidate, without duplicates."""
        galleries = dict.fromkeys(query.gallery for query in self.queries)
        return list(dict.fromkeys(name for gallery in galleries for name in gallery.ids))


def iter_track_queries(
    dataset: Dataset, name: str, tasks: Collection[Task] = RETRIEVAL_TASKS
) -> Iterator[TrackQueries]:
    """Yield the tracks of some retrieval tasks, then those of ``association``.

    Tracks with graded relevance are left out: a shortcut says which candidate is right, and not to
    which degree.

    Args:
        dataset: the queries are those of its test split.
        name: its registered name.
        tasks: retrieval tasks; ``association`` needs both tasks between the views.
    """
    by_track: dict[tuple[ScoredTask, CandidatePolicy], list[Query]] = {
        (task, policy): build_queries(dataset, TEST_SPLIT, task, policy)
        for task in RETRIEVAL_TASKS
        if task in tasks
        for policy in list_candidate_policies(task, dataset)
        if policy != GRADED_POLICY
    }
    has_both = set(CROSS_VIEW_TASKS) <= set(tasks)
    for policy in list_candidate_policies(CROSS_VIEW_TASKS[0], dataset) if has_both else ():
        by_task = [by_track.get((task, policy), []) for task in CROSS_VIEW_TASKS]
        is_complete = all(by_task)
        by_track["association", policy] = [q for part in by_task for q in part if is_complete]
    for (task, policy), queries in by_track.items():
        if queries:
            scored = build_retrieval_track(dataset, name, TrackKey(task, policy), queries)
            yield TrackQueries(scored, queries, policy)
