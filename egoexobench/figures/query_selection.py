"""Selects the query of a figure, by id or by the recorded ranks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches

from egoexobench.errors import DataError, UsageError
from egoexobench.evaluation.queries import collect_labeled_clips
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.figures.replay import QueryKey, RecordedRun
from egoexobench.protocols import Dataset
from egoexobench.types import Gallery, Query, Task, View

SELECTORS: Mapping[str, str] = {
    "hardest": "the one whose right answer stands last in the first run",
    "contrast": "the one on which the first run leads the others by the most (reciprocal ranks)",
}
"""Names that may replace an id, and which query each selects."""


def select_queries(name: str, queries: Sequence[Query], runs: Sequence[RecordedRun]) -> list[Query]:
    """Return the queries of an id: two if a text is a query for each view.

    Args:
        name: an id, or one of `SELECTORS`.
        queries: every query of the track.
        runs: the displayed runs; each must have scored the query.

    Raises:
        UsageError: if no query has the id, or if a contrast has fewer than two runs.
        DataError: if a run did not score the query, or if the runs share no query.
    """
    keys = {get_query_key(query) for query in queries}
    sources = [query.source for query in queries]
    if name in sources or name not in SELECTORS:
        matches = [query for query in queries if query.source == name]
        if not matches:
            raise UsageError(_describe_unknown_query(name, sources))
        _check_scored(matches, runs)
        return matches
    shared = sorted(keys.intersection(*(run.ranks for run in runs)))
    if not shared:
        raise DataError("the runs share no query of this track; name one with --query")
    if name == "contrast" and len(runs) < 2:
        raise UsageError("--query contrast takes two runs or more, and one is given")
    measure = _measure_rank(runs[0]) if name == "hardest" else _measure_lead(runs)
    selected = max(shared, key=measure)
    return [query for query in queries if get_query_key(query) == selected][:1]


def build_class_queries(dataset: Dataset, task: Task) -> list[Query]:
    """Return the test clips of a recognition task as queries whose candidates are the classes."""
    clips = collect_labeled_clips(dataset, TEST_SPLIT, task)
    gallery = Gallery(tuple(sorted({label for clip in clips for label in clip.labels})))
    return [
        Query(
            source=clip.clip_id,
            gallery=gallery,
            positives=tuple(gallery.index[label] for label in clip.labels),
            cluster=clip.cluster,
        )
        for clip in clips
    ]


def get_query_key(query: Query) -> QueryKey:
    """Return the source and the first positive, which distinguish a query from all others."""
    return query.source, _get_positive(query)


def filter_by_view(queries: Sequence[Query], views: Mapping[str, View], view: View) -> list[Query]:
    """Return the queries whose first positive is a clip of one view."""
    return [query for query in queries if views.get(_get_positive(query)) == view]


def _get_positive(query: Query) -> str:
    return query.gallery.ids[query.positives[0]]


def _measure_rank(run: RecordedRun) -> Callable[[QueryKey], float]:
    return lambda key: _get_mean_rank(run, key)


def _measure_lead(runs: Sequence[RecordedRun]) -> Callable[[QueryKey], float]:
    """The reciprocal rank of the first run less the largest one of the others."""
    return lambda key: (
        1 / _get_mean_rank(runs[0], key) - max(1 / _get_mean_rank(run, key) for run in runs[1:])
    )


def _get_mean_rank(run: RecordedRun, key: QueryKey) -> float:
    rank = run.ranks[key]
    return (rank.optimistic + rank.pessimistic) / 2


def _check_scored(queries: Sequence[Query], runs: Sequence[RecordedRun]) -> None:
    for run in runs:
        for query in queries:
            if get_query_key(query) not in run.ranks:
                raise DataError(
                    f"{run.path} has no rank of query {query.source}: the run left it out; "
                    f"it scored {len(run.ranks)} queries, such as {next(iter(run.ranks))[0]}"
                )


def _describe_unknown_query(name: str, sources: Sequence[str]) -> str:
    names = list(dict.fromkeys(sources))
    near = get_close_matches(name, names, n=3)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    first = ", ".join(names[:3])
    available = f"This track has {len(names)} queries, such as {first}"
    if not names:
        available = "This track has no query"
    return f"unknown query {name!r}.{hint} {available}; or use {' or '.join(SELECTORS)}"
