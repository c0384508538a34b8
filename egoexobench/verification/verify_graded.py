"""Recomputes the metrics of graded relevance, and the queries that follow from the relevance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from egoexobench.data.graded_queries import make_graded_queries
from egoexobench.evaluation.arrays import Floats
from egoexobench.evaluation.graded import GradedValues, compute_graded_chance
from egoexobench.evaluation.graded_ranking import BLOCK_SIZE, measure_graded
from egoexobench.evaluation.query_ranking import group_by_gallery
from egoexobench.evaluation.tasks import GRADED_METRICS
from egoexobench.records.queries_file import QueriesByTrack
from egoexobench.records.schema import QueryRank, ScoreRecord
from egoexobench.types import (
    GRADED_POLICY,
    TEXT_TASKS,
    Embeddings,
    Query,
    Relevance,
    Similarity,
    Task,
    TrackKey,
)

LARGEST_DISTANCE = 1e-3
"""Of one query, where candidates of nearly equal scores change places with the processor."""
LARGEST_MEAN_DISTANCE = 1e-5
"""Of the mean of all queries."""


def iter_graded_query_differences(
    relevance: Relevance | None, queries: QueriesByTrack
) -> Iterator[str]:
    """Yield one line if the queries of a track are not those that the relevance gives."""
    for task in TEXT_TASKS:
        stored = queries.get(TrackKey(task, GRADED_POLICY))
        if stored is None:
            continue
        location = f"queries of {task} {GRADED_POLICY}"
        if relevance is None:
            yield f"{location}: there is no file of relevance beside the record"
            continue
        clusters = {query.source: query.cluster for query in stored}
        names = relevance.text_ids if task == "t2v" else relevance.clip_ids
        expected = make_graded_queries(relevance, task, dict.fromkeys(names, "") | clusters)
        if [*_list_facts(stored)] != [*_list_facts(expected)]:
            yield f"{location}: they are not those of the relevance beside the record"


def _list_facts(queries: Sequence[Query]) -> Iterator[tuple[object, ...]]:
    for query in queries:
        yield query.source, query.gallery, query.positives, query.cluster


def recompute_chance(
    score: ScoreRecord,
    rows: Sequence[QueryRank],
    queries: Mapping[Task, Sequence[Query]],
    relevance: Relevance,
) -> GradedValues:
    """Return the recorded values of rows, with the chance that the relevance gives.

    Args:
        score: the recorded score.
        rows: its ranks.
        queries: those that were scored, by task, with the candidates that were; empty if it is not
            known which candidates had an embedding. Chance is then that of the record.
        relevance: of clips and texts.
    """
    by_query: dict[tuple[str, str], tuple[float, float]] = {}
    for task, part in queries.items():
        for gallery, indices in group_by_gallery(part).items():
            step = max(1, BLOCK_SIZE // len(gallery.ids))
            for start in range(0, len(indices), step):
                names = [part[index].source for index in indices[start : start + step]]
                levels = relevance.select(task, names, gallery.ids).astype(np.float64)
                pairs = zip(*compute_graded_chance(levels), strict=True)
                by_query |= dict(zip(((task, name) for name in names), pairs, strict=True))
    recorded = {row.task: _get_recorded_chance(score, row.task) for row in rows}
    chance = np.array([by_query.get((row.task, row.source), recorded[row.task]) for row in rows])
    return GradedValues(*read_graded_values(rows), *chance.T)


def _get_recorded_chance(score: ScoreRecord, task: str) -> tuple[float, float]:
    metrics = score.by_subset[task].metrics if task in score.by_subset else score.metrics
    first, second = (metrics[name].chance if name in metrics else None for name in GRADED_METRICS)
    return (first or 0.0) / 100, (second or 0.0) / 100


def read_graded_values(rows: Sequence[QueryRank]) -> tuple[Floats, Floats]:
    """Return the recorded average precision and nDCG of each query, ``(N,)`` each."""
    values = np.array([(row.average_precision, row.ndcg) for row in rows], float)
    return values[:, 0], values[:, 1]


def iter_graded_differences(
    location: str,
    rows: Sequence[QueryRank],
    queries: Sequence[Query],
    relevance: Relevance,
    *,
    task: Task,
    sides: tuple[Embeddings, Embeddings],
    similarity: Similarity,
) -> Iterator[str]:
    """Yield one line if the recorded values are not those of the embeddings, up to rounding."""
    computed = measure_graded(queries, *sides, relevance, task=task, similarity=similarity)
    expected = computed.average_precision, computed.ndcg
    for name, recorded, values in zip(
        ("average_precision", "ndcg"), read_graded_values(rows), expected, strict=True
    ):
        distances = np.abs(recorded - values)
        is_close = distances.max() <= LARGEST_DISTANCE
        if not is_close or distances.mean() > LARGEST_MEAN_DISTANCE:
            worst = int(distances.argmax())
            yield (
                f"{location}: {name} of {rows[worst].source!r} is {recorded[worst]:.6f}, where the "
                f"embeddings give {values[worst]:.6f}"
            )
