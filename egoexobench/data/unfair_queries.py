"""Finds the listed queries that no method can answer fairly; they are left out and counted.

The reasons are in docs/decisions/0010-unfair-questions.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from egoexobench.data.candidate_lists import get_queries, list_list_policies
from egoexobench.data.graded_queries import (
    build_graded_queries,
    list_unanswerable,
    read_relevance,
)
from egoexobench.data.query_faults import (
    QueryFault,
    UnfairReason,
    find_query_fault,
    read_split_items,
)
from egoexobench.protocols import Dataset, HasListLocations, HasQueryLocations, HasRowLocations
from egoexobench.types import GRADED_POLICY, CandidatePolicy, Query, Split, Task

MAX_NAMED = 5
"""Queries that one line names."""


@dataclass(frozen=True, slots=True)
class UnfairQuery:
    """A listed query that is left out: where it stands, and why."""

    split: Split
    task: Task
    location: str
    """File and row; number of the query in its task, if the data set does not know them."""
    reason: UnfairReason
    detail: str
    """The reason with the ids of this query."""

    def __str__(self) -> str:
        return f"{self.location}: {self.reason}: {self.detail}"


@dataclass(frozen=True, slots=True)
class CheckedQueries:
    """The queries of one task and policy that can be scored, and those that are left out."""

    fair: tuple[Query, ...]
    unfair: tuple[UnfairQuery, ...]


def check_queries(
    dataset: Dataset, split: Split, task: Task, policy: CandidatePolicy = "mcq20"
) -> CheckedQueries:
    """Check every listed query of a retrieval task; of the same query, the first is used."""
    if policy == GRADED_POLICY:
        return _check_graded(dataset, split, task)
    queries = get_queries(dataset, split, task, policy)
    if not queries:
        return CheckedQueries((), ())
    items = read_split_items(dataset, split)
    faults = [find_query_fault(query, task, items) for query in queries]
    _add_repeated(queries, faults)
    locations = _locate_queries(dataset, split, task, policy=policy, count=len(queries))
    return CheckedQueries(
        fair=tuple(query for query, fault in zip(queries, faults, strict=True) if fault is None),
        unfair=tuple(
            UnfairQuery(split, task, location, reason=fault.reason, detail=fault.detail)
            for location, fault in zip(locations, faults, strict=True)
            if fault is not None
        ),
    )


def _check_graded(dataset: Dataset, split: Split, task: Task) -> CheckedQueries:
    """Graded relevance is checked as a whole; a query may only lack a right answer."""
    relevance = read_relevance(dataset, split)
    unanswerable = list_unanswerable(relevance, task) if relevance else ()
    return CheckedQueries(
        fair=tuple(build_graded_queries(dataset, split, task)),
        unfair=tuple(
            UnfairQuery(
                split,
                task,
                _describe_clip(dataset, name, f"{task} in split {split}"),
                reason="no answer",
                detail=f"no candidate has relevance 1 to {name!r}",
            )
            for name in unanswerable
        ),
    )


def _describe_clip(dataset: Dataset, name: str, location: str) -> str:
    locations = dataset.where if isinstance(dataset, HasRowLocations) else {}
    return locations.get(name, f"{name!r} of {location}")


def iter_fair_queries(dataset: Dataset, split: Split, task: Task) -> Iterator[Query]:
    """Yield the queries of a retrieval task that the data set defines and that can be scored."""
    for policy in list_list_policies(dataset, task):
        yield from check_queries(dataset, split, task, policy).fair


def list_unfair_queries(
    dataset: Dataset, splits: Iterable[Split], tasks: Iterable[Task]
) -> tuple[UnfairQuery, ...]:
    """Return every listed query of some splits and retrieval tasks that is left out."""
    tasks = tuple(tasks)
    return tuple(
        query
        for split in splits
        for task in tasks
        for policy in list_list_policies(dataset, task)
        for query in check_queries(dataset, split, task, policy).unfair
    )


def format_unfair_note(unfair: Sequence[UnfairQuery]) -> str:
    """Return one line that names the first queries that are left out."""
    names = "; ".join(str(query) for query in unfair[:MAX_NAMED])
    rest = len(unfair) - MAX_NAMED
    others = f"; and {rest} more, see `egoexobench data doctor`" if rest > 0 else ""
    subject = "1 question" if len(unfair) == 1 else f"{len(unfair)} questions"
    verb = "is" if len(unfair) == 1 else "are"
    return f"{subject} cannot be answered fairly and {verb} left out: {names}{others}"


def _add_repeated(queries: Sequence[Query], faults: list[QueryFault | None]) -> None:
    """Mark queries that ask the same again, and all of those that give two answers to the same."""
    groups: dict[tuple[str, frozenset[str]], list[int]] = {}
    for index, query in enumerate(queries):
        if faults[index] is None:
            groups.setdefault((query.source, frozenset(query.gallery.ids)), []).append(index)
    for (source, _), indices in groups.items():
        answers = {frozenset(queries[index].positive_ids) for index in indices}
        if len(answers) > 1:
            for index in indices:
                faults[index] = QueryFault(
                    "question with two answers",
                    f"source {source!r} stands before the same candidates with another answer",
                )
            continue
        for index in indices[1:]:
            faults[index] = QueryFault(
                "repeated question", f"source {source!r} stands before the same candidates already"
            )


def _locate_queries(
    dataset: Dataset, split: Split, task: Task, *, policy: CandidatePolicy, count: int
) -> Iterator[str]:
    if policy == "mcq20" and isinstance(dataset, HasQueryLocations):
        yield from dataset.locate_queries(split, task)
        return
    if policy != "mcq20" and isinstance(dataset, HasListLocations):
        yield from dataset.locate_list_queries(split, task, policy)
        return
    label = task if policy == "mcq20" else f"{task} {policy}"
    for number in range(1, count + 1):
        yield f"query {number} of {label} in split {split}"
