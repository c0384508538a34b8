"""Finds what does not follow from the ranks of a record: counts, chance levels and metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from egoexobench.evaluation import metrics
from egoexobench.evaluation.arrays import Floats
from egoexobench.evaluation.tasks import GRADED_METRICS, RERANKED_TOP_K
from egoexobench.records.check import is_almost_equal
from egoexobench.records.schema import QueryRank, Record, ReferenceScores, ScoreRecord
from egoexobench.types import (
    FRAME_TASKS,
    GRADED_POLICY,
    JOINED_TASKS,
    LISTED_POLICIES,
    RETRIEVAL_TASKS,
    CandidatePolicy,
    Task,
    TrackKey,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_CANDIDATES = 10**7
"""More candidates of a query are no gallery but an attempt to fill the memory."""
_NUMBERS = "optimistic", "pessimistic", "num_candidates", "num_positives", "num_tied_positives"
_GET_NUMBERS = attrgetter(*_NUMBERS)
_QUERY = "task", "source", "positives", "num_candidates", "cluster"
_GET_QUERY = attrgetter(*_QUERY)
PerQuery = Callable[["RankTable"], Floats]


@dataclass(frozen=True)
class RankTable:
    """The ranks of a track as columns."""

    rows: Sequence[QueryRank]

    @cached_property
    def _columns(self) -> NDArray[np.int64]:
        numbers = chain.from_iterable(map(_GET_NUMBERS, self.rows))
        return np.fromiter(numbers, np.int64).reshape(-1, 5).T

    def find_large_row(self) -> QueryRank | None:
        """Return the first row with a number above `MAX_CANDIDATES`; None if there is none."""
        try:
            if (self._columns <= MAX_CANDIDATES).all():
                return None
        except OverflowError:  # it is larger than any number of 64 bits
            pass
        return next(row for row in self.rows if max(_GET_NUMBERS(row)) > MAX_CANDIDATES)

    @property
    def optimistic(self) -> NDArray[np.int64]:
        """Rank before everything that ties, ``(N,)``."""
        return np.asarray(self._columns[0])

    @property
    def pessimistic(self) -> NDArray[np.int64]:
        """Rank after everything that ties, ``(N,)``."""
        return np.asarray(self._columns[1])

    @property
    def num_candidates(self) -> NDArray[np.int64]:
        """Candidates of each query, ``(N,)``."""
        return np.asarray(self._columns[2])

    @property
    def num_positives(self) -> NDArray[np.int64]:
        """Positives of each query, ``(N,)``."""
        return np.asarray(self._columns[3])

    @property
    def num_tied_positives(self) -> NDArray[np.int64]:
        """Positives that tie with the best one, ``(N,)``."""
        return np.asarray(self._columns[4])

    @cached_property
    def top1_probability(self) -> Floats:
        """Probability that a positive is first, ``(N,)``."""
        return np.array([row.top1_probability for row in self.rows], float)

    @cached_property
    def num_graded(self) -> NDArray[np.int64]:
        """How many values of graded relevance each query has, ``(N,)``."""
        values = [(row.average_precision, row.ndcg) for row in self.rows]
        return np.array([2 - pair.count(None) for pair in values])

    def get_graded(self, metric: str) -> Floats:
        """Return the value of each query of a metric with graded relevance, ``(N,)``."""
        field = {"mir_map": "average_precision"}.get(metric, metric)
        return np.array([getattr(row, field) for row in self.rows], float)


def group_by_track(ranks: Iterable[QueryRank]) -> dict[TrackKey, list[QueryRank]]:
    """Return ranks by track, in their order."""
    by_fields: dict[tuple[Task, CandidatePolicy | None], list[QueryRank]] = {}
    for rank in ranks:  # a TrackKey of each one would take longer than all checks of it
        by_fields.setdefault((rank.task, rank.policy), []).append(rank)
    return {TrackKey(*fields): rows for fields, rows in by_fields.items()}


def group_ranks(record: Record, ranks: Sequence[QueryRank]) -> dict[TrackKey, list[QueryRank]]:
    """Return the ranks of each score of a record, in the order of its scores.

    Those of a task that joins two others are those of both under the same policy.
    """
    by_key = group_by_track(ranks)
    for score in record.scores:
        if score.task in JOINED_TASKS:
            keys = [TrackKey(task, score.policy) for task in JOINED_TASKS[score.task]]
            by_key[score.key] = [rank for key in keys for rank in by_key.get(key, ())]
    return by_key


def iter_rank_faults(record: Record, ranks: Sequence[QueryRank]) -> Iterator[str]:
    """Yield one line for each field that does not follow from the ranks.

    Hit rates, reciprocal and median ranks, their chance levels and all counts follow. Intervals
    and the other metrics of recognition do not; ``egoexobench verify`` recomputes them.
    """
    by_key = group_ranks(record, ranks)
    scored = {score.key for score in record.scores}
    for key in by_key.keys() - scored:
        yield f"ranks: {key.label} has ranks and no score"
    oracles = {score.key: score for score in _find_reference(record, "oracle")}
    guesses = {score.key: score for score in _find_reference(record, "chance")}
    for score in record.scores:
        location = f"scores.{score.key.label}"
        rows = by_key.get(score.key, [])
        if score.task in FRAME_TASKS:
            yield from _iter_frame_faults(location, score, rows, guesses=guesses, oracles=oracles)
            continue
        if not rows:
            yield f"{location}: it has no ranks"
            continue
        table = RankTable(rows)
        if large := table.find_large_row():
            yield f"{location}: ranks of {large.source!r}: a number is above {MAX_CANDIDATES}"
            continue
        yield from _iter_repeated_queries(location, rows)
        faults = [*_iter_bound_faults(location, table), *_iter_count_faults(location, score, table)]
        yield from faults
        if faults:  # nothing can be computed from such ranks
            continue
        yield from _iter_row_faults(location, score, table)
        yield from _iter_metric_faults(location, score, table)
        if score.key in guesses:
            yield from _iter_chance_faults(score, guesses[score.key])
        if score.key in oracles and oracles[score.key].num_queries < score.num_queries:
            yield f"references.oracle.{score.key.label}.num_queries: fewer than the score has"


def _iter_frame_faults(
    location: str,
    score: ScoreRecord,
    rows: Sequence[QueryRank],
    *,
    guesses: Mapping[TrackKey, ScoreRecord],
    oracles: Mapping[TrackKey, ScoreRecord],
) -> Iterator[str]:
    """Frames have no ranks of queries; chance and the oracle stand on the same frames."""
    if rows:
        yield f"{location}: it has ranks, and a task on frames has none"
    if score.by_subset:
        yield f"{location}.by_subset: a task on frames has no subsets"
    for name, references in (("chance", guesses), ("oracle", oracles)):
        if score.key not in references:
            yield f"references.{name}.{score.key.label}: missing"
    if score.key in guesses:
        yield from _iter_chance_faults(score, guesses[score.key])
    if score.key in oracles and oracles[score.key].num_queries < score.num_queries:
        yield f"references.oracle.{score.key.label}.num_queries: fewer than the score has"


def _iter_repeated_queries(location: str, rows: Sequence[QueryRank]) -> Iterator[str]:
    """A query, which a task asks once of the same candidates, has one rank."""
    if rows[0].policy in LISTED_POLICIES:
        return
    facts = Counter(map(_GET_QUERY, rows))
    if len(facts) < len(rows):
        query, count = facts.most_common(1)[0]
        yield f"{location}: {query[1]!r} has {count} ranks"


def _find_reference(record: Record, name: str) -> tuple[ScoreRecord, ...]:
    references: list[ReferenceScores] = [item for item in record.references if item.name == name]
    return references[0].scores if references else ()


def _iter_bound_faults(location: str, table: RankTable) -> Iterator[str]:
    """Ranks lie among the candidates."""
    checks: dict[str, NDArray[np.bool_]] = {
        "optimistic is above pessimistic": table.optimistic > table.pessimistic,
        "pessimistic is above the number of candidates": table.pessimistic > table.num_candidates,
        "more positives than candidates": table.num_positives > table.num_candidates,
        "more tied positives than positives": table.num_tied_positives > table.num_positives,
    }
    yield from _describe_first_wrong(location, table, checks)


def _iter_row_faults(location: str, score: ScoreRecord, table: RankTable) -> Iterator[str]:
    """Positives are counted, and the probability of a first rank follows from the ranks."""
    if score.task in (*RETRIEVAL_TASKS, *JOINED_TASKS):
        num_listed = np.array([len(row.positives) for row in table.rows])
        negatives = table.num_candidates - table.num_positives
        top1 = metrics.hit_rate_at_k(table, 1)
        checks = {
            "num_positives is not the number of positives": table.num_positives != num_listed,
            "a rank is below every candidate that is no positive": table.pessimistic
            > negatives + 1,
            "top1_probability does not follow": np.abs(top1 - table.top1_probability) > 1e-9,
            "average_precision and ndcg are those of graded relevance, and of no other": (
                table.num_graded != (2 if score.policy == GRADED_POLICY else 0)
            ),
        }
    else:
        checks = {"top1_probability does not follow": _find_wrong_class_probability(table)}
    yield from _describe_first_wrong(location, table, checks)


def _describe_first_wrong(
    location: str, table: RankTable, checks: Mapping[str, NDArray[np.bool_]]
) -> Iterator[str]:
    for reason, is_wrong in checks.items():
        if is_wrong.any():
            source, total = table.rows[int(is_wrong.argmax())].source, int(is_wrong.sum())
            yield f"{location}: ranks of {total} queries, first {source!r}: {reason}"
            return


def _find_wrong_class_probability(table: RankTable) -> NDArray[np.bool_]:
    """A class: t true ones of the L labels tie with f false ones, and t / (t + f) is right."""
    labels = np.array([len(row.positives) for row in table.rows])
    num_false = table.pessimistic - table.optimistic
    is_first = table.optimistic == 1
    least = np.where(is_first, 1 / (1 + num_false), 0.0)
    most = np.where(is_first, labels / (labels + num_false), 0.0)
    values = table.top1_probability
    return np.asarray((values < least - 1e-9) | (values > most + 1e-9))


def _iter_count_faults(location: str, score: ScoreRecord, table: RankTable) -> Iterator[str]:
    sizes = table.num_candidates
    expected = {
        "num_queries": len(table.rows),
        "num_clusters": len({row.cluster for row in table.rows}),
        "candidate_range": (int(sizes.min()), int(sizes.max())),
    }
    for field, value in expected.items():
        if (actual := getattr(score, field)) != value:
            yield f"{location}.{field}: {actual}, where the ranks give {value}"


def _iter_metric_faults(location: str, score: ScoreRecord, table: RankTable) -> Iterator[str]:
    if score.task not in (*RETRIEVAL_TASKS, *JOINED_TASKS):
        if (metric := score.metrics.get("hit_rate_at_1")) is not None:
            expected = 100 * float(table.top1_probability.mean())
            yield from _compare_number(f"{location}.hit_rate_at_1.value", metric.value, expected)
        return
    for name, (unit, value, guess) in _PER_QUERY.items():
        if name in score.metrics:
            means = {"value": unit * float(value(table).mean())}
            if guess is not None:
                means["chance"] = unit * float(guess(table).mean())
            yield from _iter_mean_faults(location, score, name, means)
    if (metric := score.metrics.get("median_rank")) is not None:
        median = float(np.median(metrics.expected_rank(table)))
        yield from _compare_number(f"{location}.median_rank.value", metric.value, median)
        chance = metrics.chance_median_rank(table)
        yield from _compare_number(f"{location}.median_rank.chance", metric.chance, chance)


def _iter_mean_faults(
    location: str, score: ScoreRecord, name: str, means: Mapping[str, float]
) -> Iterator[str]:
    """A mean over all queries, or the mean over the views, each of which is in ``by_subset``."""
    views = [item for item in score.by_subset.values() if name in item.metrics]
    total = sum(item.num_queries for item in views)
    if views and total != score.num_queries:
        yield f"{location}.by_subset: {total} queries, where the score has {score.num_queries}"
        return
    for field, mean in means.items():
        actual = getattr(score.metrics[name], field)
        path = f"{location}.{name}.{field}"
        if not views:
            yield from _compare_number(path, actual, mean)
            continue
        numbers = [getattr(item.metrics[name], field) or 0.0 for item in views]
        weighted = sum(n * item.num_queries for n, item in zip(numbers, views, strict=True))
        yield from _compare_number(path, actual, sum(numbers) / len(numbers))
        yield from _compare_number(f"{location}.by_subset: {name}.{field}", weighted / total, mean)


def _compare_number(location: str, actual: float | None, expected: float) -> Iterator[str]:
    if not is_almost_equal(actual, expected):
        yield f"{location}: {actual}, where the ranks give {expected}"


def _iter_chance_faults(score: ScoreRecord, guess: ScoreRecord) -> Iterator[str]:
    """The reference `chance` repeats the chance levels of the score."""
    location = f"references.chance.{score.key.label}"
    if guess.num_queries != score.num_queries:
        yield f"{location}.num_queries: {guess.num_queries}, the score has {score.num_queries}"
    for name, metric in score.metrics.items():
        other = guess.metrics.get(name)
        if other is None or not is_almost_equal(other.value, metric.chance):
            value = other.value if other else None
            yield f"{location}.{name}: {value}, where the score has the level {metric.chance}"


def _make_mean(name: str) -> tuple[float, PerQuery, PerQuery | None]:
    if name in GRADED_METRICS:  # chance depends on every relevance, which verify reads
        return 100.0, lambda table: table.get_graded(name), None
    if name == "mrr":
        return 1.0, metrics.reciprocal_rank, metrics.chance_reciprocal_rank
    k = int(name.removeprefix("hit_rate_at_"))
    return (
        100.0,
        lambda table: metrics.hit_rate_at_k(table, k),
        lambda table: metrics.chance_hit_rate_at_k(table, k),
    )


_PER_QUERY: Mapping[str, tuple[float, PerQuery, PerQuery | None]] = {
    name: _make_mean(name)
    for name in (*(f"hit_rate_at_{k}" for k in RERANKED_TOP_K), "mrr", *GRADED_METRICS)
}
"""Unit, value and chance level of each mean over queries; None for a level that ranks lack."""
