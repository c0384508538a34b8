"""Recomputes a retrieval score: its queries, ranks, metrics, intervals, chance and oracle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from egoexobench.errors import DataError
from egoexobench.evaluation.answers import Answer, rank_answers
from egoexobench.evaluation.graded import GradedValues
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
from egoexobench.evaluation.tracks import hash_graded, hash_queries
from egoexobench.records.bundle import TEXTS, VIDEOS
from egoexobench.records.queries_file import ScoredQueries
from egoexobench.records.schema import QueryRank, Record, ScoreRecord
from egoexobench.types import (
    GRADED_POLICY,
    JOINED_TASKS,
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
from egoexobench.verification.verify_graded import iter_graded_differences, recompute_chance
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
    if _hash_content(content, policy, queries) != score.track.get("content"):
        yield f"{location}.track.content: it is not the hash of the queries beside the record"
    rows = sorted(rows, key=lambda row: (row.source, row.positives[0], row.cluster))
    counts = score.num_dropped, score.num_missing_candidates
    has_order, ordered, sides = True, list[Query](), None
    scored: dict[Task, Sequence[Query]] = {}
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
            scored = _collect_by_task(content.queries, score.key, policy)
        if scores is not None and ordered:
            yield from iter_pair_score_differences(
                location, rows, ordered, scores, sides=None, similarity="cosine"
            )
    else:
        by_task = _filter_by_task(content.queries, content.embeddings, score.key, policy)
        counts = (
            len(queries) - sum(len(answerable) for answerable, _ in by_task.values()),
            sum(num_missing for _, num_missing in by_task.values()),
        )
        scored = {task: answerable for task, (answerable, _) in by_task.items()}
        sides = _find_sides(content.embeddings, next(iter(by_task)))
        similarity = _get_similarity(score)
        ordered = sort_queries([query for part in scored.values() for query in part])
        if score.task in JOINED_TASKS:  # its ranks are those of its two tasks
            yield from iter_identity_differences(location, rows, ordered)
        elif (scores := content.pair_scores.get(score.key)) is not None:
            yield from iter_pair_score_differences(
                location, rows, ordered, scores, sides=sides, similarity=similarity
            )
        else:
            yield from _iter_rank_differences(
                location, rows, ordered, sides=sides, similarity=similarity
            )
        yield from _iter_graded_differences(content, score, rows, queries=ordered, sides=sides)
    yield from iter_top_differences(
        content, score, rows, ordered, sides=sides, similarity=_get_similarity(score)
    )
    yield from _iter_number_differences(
        content,
        score,
        rows,
        counts,
        queries=queries,
        scored=scored,
        has_order=has_order,
    )


def _hash_content(content: BundleContent, policy: CandidatePolicy, queries: Sequence[Query]) -> str:
    hashed = hash_queries(queries)
    if policy != GRADED_POLICY or content.relevance is None:
        return hashed
    return hash_graded(hashed, content.relevance)


def _get_similarity(score: ScoreRecord) -> Similarity:
    return "dot" if score.track.get("similarity") == "dot" else "cosine"


def _is_embedded(record: Record) -> bool:
    external = record.method.external
    return external is None or external.kind == "embeddings"


def _rank_answers(
    queries: ScoredQueries, key: TrackKey, policy: CandidatePolicy, answers: Mapping[str, Answer]
) -> RankedQueries | None:
    tasks = JOINED_TASKS.get(key.task) or _list_task(key)
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
    parts = _collect_by_task(queries, key, policy)
    return [query for part in parts.values() for query in part]


def _collect_by_task(
    queries: ScoredQueries, key: TrackKey, policy: CandidatePolicy
) -> dict[Task, Sequence[Query]]:
    """The queries of a task, or of the two that it joins."""
    tasks = JOINED_TASKS.get(key.task) or _list_task(key)
    return {task: queries.queries.get(TrackKey(task, policy), ()) for task in tasks}


def _filter_by_task(
    queries: ScoredQueries,
    embeddings: dict[str, Embeddings],
    key: TrackKey,
    policy: CandidatePolicy,
) -> dict[Task, tuple[list[Query], int]]:
    """The queries of each task that have embeddings, and how many candidates have none."""
    return {
        task: filter_answerable(
            queries.queries.get(TrackKey(task, policy), []), *_find_sides(embeddings, task), policy
        )
        for task in JOINED_TASKS.get(key.task) or _list_task(key)
    }


def _find_sides(embeddings: dict[str, Embeddings], task: Task) -> Sides:
    names = {"t2v": (TEXTS, VIDEOS), "v2t": (VIDEOS, TEXTS)}.get(task, (VIDEOS, VIDEOS))
    for name in names:
        if name not in embeddings:
            raise DataError(f"scores of {task}: the embeddings have no tensor {name!r}")
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


def _iter_graded_differences(
    content: BundleContent,
    score: ScoreRecord,
    rows: Sequence[QueryRank],
    *,
    queries: Sequence[Query],
    sides: Sides,
) -> Iterator[str]:
    """Of a single task: one that joins two has the values of both."""
    if score.policy != GRADED_POLICY or content.relevance is None or len(rows) != len(queries):
        return
    for task in _list_task(score.key):
        yield from iter_graded_differences(
            f"scores.{score.key.label}",
            rows,
            queries,
            content.relevance,
            task=task,
            sides=sides,
            similarity=_get_similarity(score),
        )


def _iter_number_differences(
    content: BundleContent,
    score: ScoreRecord,
    rows: Sequence[QueryRank],
    counts: tuple[int, int],
    *,
    queries: Sequence[Query],
    scored: Mapping[Task, Sequence[Query]],
    has_order: bool,
) -> Iterator[str]:
    """Metrics, intervals, chance and oracle, with the random numbers of the run."""
    assert score.policy is not None  # noqa: S101 - the caller checked it
    assert content.queries is not None  # noqa: S101 - the caller checked it
    record, views = content.record, content.queries
    rng = np.random.default_rng(record.seed)
    is_joined = score.task == "text-video"
    ranked = [_make_query(row) for row in rows]
    computed = score_ranks(
        ranked,
        make_ranks(rows),
        rng=rng,
        policy=score.policy,
        views=views.views,
        has_order=has_order,
        groups=[row.task for row in rows] if is_joined else (),
        graded=_read_graded(content, score, rows, scored),
    )
    computed = replace(computed, num_dropped=counts[0], num_missing_candidates=counts[1])
    yield from iter_score_differences(f"scores.{score.key.label}", score, computed)
    guess: Score = chance_score(computed)
    yield from iter_reference_differences(record.references, "chance", score.key, guess)
    oracle = score_retrieval_oracle(
        queries,
        rng=rng,
        policy=score.policy,
        views=views.views,
        groups=_list_groups(content.queries, score) if is_joined else (),
    )
    yield from iter_reference_differences(record.references, "oracle", score.key, oracle)


def _make_query(row: QueryRank) -> Query:
    gallery = Gallery(row.positives)
    return Query(row.source, gallery, tuple(range(len(row.positives))), row.cluster)


def _list_groups(queries: ScoredQueries, score: ScoreRecord) -> list[str]:
    """The task of each query of a track that joins two of them."""
    assert score.policy is not None  # noqa: S101 - the caller checked it
    parts = _collect_by_task(queries, score.key, score.policy)
    return [task for task, part in parts.items() for _ in part]


def _read_graded(
    content: BundleContent,
    score: ScoreRecord,
    rows: Sequence[QueryRank],
    scored: Mapping[Task, Sequence[Query]],
) -> GradedValues | None:
    """The recorded values of graded relevance, with the chance that the relevance gives."""
    if score.policy != GRADED_POLICY or content.relevance is None:
        return None
    return recompute_chance(score, rows, scored, content.relevance)
