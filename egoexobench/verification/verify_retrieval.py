"""Recomputes a retrieval score: its queries, ranks, metrics, intervals, chance and oracle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from egoexobench.errors import DataError
from egoexobench.evaluation.answers import Answer, rank_answers
from egoexobench.evaluation.query_ranking import (
    RankedQueries,
    filter_answerable,
    join_ranked_queries,
    rank_queries,
    sort_queries,
)
from egoexobench.evaluation.references import chance_score, score_retrieval_oracle
from egoexobench.evaluation.results import Score
from egoexobench.evaluation.retrieval import score_ranks
from egoexobench.evaluation.tracks import hash_queries
from egoexobench.records.bundle import TEXTS, VIDEOS
from egoexobench.records.queries_file import ScoredQueries
from egoexobench.records.schema import QueryRank, Record, ScoreRecord
from egoexobench.types import (
    CROSS_VIEW_TASKS,
    RETRIEVAL_TASKS,
    CandidatePolicy,
    Embeddings,
    Gallery,
    Query,
    Similarity,
    Task,
    TrackKey,
)
from egoexobench.verification.bundle_content import BundleContent
from egoexobench.verification.compare_scores import (
    iter_reference_differences,
    iter_score_differences,
)
from egoexobench.verification.recorded_ranks import (
    find_differing_ranks,
    iter_identity_differences,
    iter_rank_lines,
    make_ranks,
)
from egoexobench.verification.rounding import is_within_rounding
from egoexobench.verification.verify_pair_scores import iter_pair_score_differences
from egoexobench.verification.verify_top import iter_top_differences

Sides = tuple[Embeddings, Embeddings]


def iter_retrieval_differences(
    content: BundleContent, score: ScoreRecord, rows: Sequence[QueryRank]
) -> Iterator[str]:
    """Yield one line for each thing in a retrieval score that is not as the record says.

    Ranks are compared with those of the embeddings; everything else is recomputed from the
    recorded ranks, so that each line names what was changed.
    """
    assert content.queries is not None  # noqa: S101 - the caller checked it
    policy = score.policy
    if policy is None:
        yield f"scores.{score.key.label}.policy: missing"
        return
    queries = _collect_queries(content.queries, score.key, policy)
    location = f"scores.{score.key.label}"
    if not queries:
        yield f"{location}: there are no such queries in the file of queries"
        return
    if hash_queries(queries) != score.track.get("content"):
        yield f"{location}.track.content: it is not the hash of the queries beside the record"
    rows = sorted(rows, key=lambda row: (row.source, row.positives[0], row.cluster))
    counts = score.num_dropped, score.num_missing_candidates
    has_order, ordered, sides = True, list[Query](), None
    if content.answers is not None:
        ranked = _rank_answers(content.queries, score.key, policy, content.answers)
        if ranked is None:
            yield f"{location}: no query of it has an answer in the file of answers"
            return
        counts, has_order = (ranked.num_dropped, 0), ranked.has_order
        ordered = list(ranked.queries)
        yield from _iter_answer_differences(location, rows, ranked)
    elif content.embeddings is None:
        has_order = _is_embedded(content.record) or "mrr" in score.metrics
        yield from _iter_query_differences(location, score, rows, queries)
        scores = content.pair_scores.get(score.key)
        if score.num_dropped == score.num_missing_candidates == 0:
            ordered = sort_queries(queries)
        if scores is not None and ordered:
            yield from iter_pair_score_differences(
                location, rows, ordered, scores, sides=None, similarity="cosine"
            )
    else:
        sides = _find_sides(content.embeddings, score)
        answerable, num_missing = filter_answerable(queries, *sides, policy)
        counts = len(queries) - len(answerable), num_missing
        similarity = _get_similarity(score)
        ordered = sort_queries(answerable)
        if score.task == "association":  # its ranks are those of its two tasks
            yield from iter_identity_differences(location, rows, ordered)
        elif (scores := content.pair_scores.get(score.key)) is not None:
            yield from iter_pair_score_differences(
                location, rows, ordered, scores, sides=sides, similarity=similarity
            )
        else:
            yield from _iter_rank_differences(
                location, rows, ordered, sides=sides, similarity=similarity
            )
    yield from iter_top_differences(
        content, score, rows, ordered, sides=sides, similarity=_get_similarity(score)
    )
    yield from _iter_number_differences(
        content.record,
        score,
        rows,
        counts,
        queries=queries,
        views=content.queries,
        has_order=has_order,
    )


def _get_similarity(score: ScoreRecord) -> Similarity:
    return "dot" if score.track.get("similarity") == "dot" else "cosine"


def _is_embedded(record: Record) -> bool:
    external = record.method.external
    return external is None or external.kind == "embeddings"


def _rank_answers(
    queries: ScoredQueries, key: TrackKey, policy: CandidatePolicy, answers: Mapping[str, Answer]
) -> RankedQueries | None:
    tasks = CROSS_VIEW_TASKS if key.task == "association" else _list_task(key)
    parts = [
        rank_answers(task, policy, queries.queries.get(TrackKey(task, policy), []), answers)
        for task in tasks
    ]
    ranked = [part for part in parts if part is not None]
    return join_ranked_queries(ranked) if len(ranked) == len(parts) else None


def _list_task(key: TrackKey) -> tuple[Task, ...]:
    return tuple(task for task in RETRIEVAL_TASKS if task == key.task)


def _iter_answer_differences(
    location: str, rows: Sequence[QueryRank], ranked: RankedQueries
) -> Iterator[str]:
    """Ranks are exactly those of the answers: nothing is rounded."""
    faults = list(iter_identity_differences(location, rows, ranked.queries))
    yield from faults
    if faults:
        return
    differing = find_differing_ranks(rows, ranked.ranks)
    yield from iter_rank_lines(location, rows, ranked.ranks, differing=differing, source="answers")


def _collect_queries(queries: ScoredQueries, key: TrackKey, policy: CandidatePolicy) -> list[Query]:
    tasks = CROSS_VIEW_TASKS if key.task == "association" else (key.task,)
    return [query for task in tasks for query in queries.queries.get(TrackKey(task, policy), ())]


def _find_sides(embeddings: dict[str, Embeddings], score: ScoreRecord) -> Sides:
    names = {"t2v": (TEXTS, VIDEOS), "v2t": (VIDEOS, TEXTS)}.get(score.task, (VIDEOS, VIDEOS))
    for name in names:
        if name not in embeddings:
            raise DataError(f"scores.{score.key.label}: the embeddings have no tensor {name!r}")
    return embeddings[names[0]], embeddings[names[1]]


def _iter_query_differences(
    location: str, score: ScoreRecord, rows: Sequence[QueryRank], queries: Sequence[Query]
) -> Iterator[str]:
    """Without embeddings: the ranks are those of the queries, as far as none was left out."""
    if len(queries) - len(rows) != score.num_dropped:
        yield (
            f"{location}.num_dropped: {score.num_dropped}, where {len(queries)} queries have "
            f"{len(rows)} ranks"
        )
    elif score.num_dropped == score.num_missing_candidates == 0:
        yield from iter_identity_differences(location, rows, sort_queries(queries))
    elif unknown := {row.source for row in rows} - {query.source for query in queries}:
        yield f"{location}: ranks of {min(unknown)!r}, which is no query"


def _iter_rank_differences(
    location: str,
    rows: Sequence[QueryRank],
    queries: Sequence[Query],
    *,
    sides: Sides,
    similarity: Similarity,
) -> Iterator[str]:
    faults = list(iter_identity_differences(location, rows, queries))
    if faults or not queries:
        yield from faults
        return
    ranks = rank_queries(queries, *sides, similarity)
    differing = [
        index
        for index in find_differing_ranks(rows, ranks)
        if not is_within_rounding(rows[index], queries[index], sides, similarity)
    ]
    yield from iter_rank_lines(location, rows, ranks, differing=differing, source="embeddings")


def _iter_number_differences(
    record: Record,
    score: ScoreRecord,
    rows: Sequence[QueryRank],
    counts: tuple[int, int],
    *,
    queries: Sequence[Query],
    views: ScoredQueries,
    has_order: bool,
) -> Iterator[str]:
    """Metrics, intervals, chance and oracle, with the random numbers of the run."""
    assert score.policy is not None  # noqa: S101 - the caller checked it
    rng = np.random.default_rng(record.seed)
    ranked = [_make_query(row) for row in rows]
    computed = score_ranks(
        ranked,
        make_ranks(rows),
        rng=rng,
        policy=score.policy,
        views=views.views,
        has_order=has_order,
    )
    computed = replace(computed, num_dropped=counts[0], num_missing_candidates=counts[1])
    yield from iter_score_differences(f"scores.{score.key.label}", score, computed)
    guess: Score = chance_score(computed)
    yield from iter_reference_differences(record.references, "chance", score.key, guess)
    oracle = score_retrieval_oracle(queries, rng=rng, policy=score.policy, views=views.views)
    yield from iter_reference_differences(record.references, "oracle", score.key, oracle)


def _make_query(row: QueryRank) -> Query:
    gallery = Gallery(row.positives)
    return Query(row.source, gallery, tuple(range(len(row.positives))), row.cluster)
