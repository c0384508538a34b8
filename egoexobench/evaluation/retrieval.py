"""Scores of the retrieval tasks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from egoexobench.errors import DataError
from egoexobench.evaluation import metrics
from egoexobench.evaluation.arrays import Floats, to_tensor
from egoexobench.evaluation.intervals import (
    ConfidenceInterval,
    bootstrap_interval,
    bootstrap_mean_interval,
    bootstrap_median_interval,
)
from egoexobench.evaluation.ranks import Ranks, compute_ranks
from egoexobench.evaluation.results import Metric, MetricUnit, QueryResult, Score
from egoexobench.evaluation.tasks import TOP_K
from egoexobench.types import CandidatePolicy, Embeddings, Gallery, Query, Similarity, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.random import Generator


@dataclass(frozen=True, slots=True)
class _MeanEstimate:
    """A mean as a share of 1, with its interval and chance level."""

    value: float
    interval: ConfidenceInterval
    chance: float

    def to_metric(self, unit: MetricUnit) -> Metric:
        """Return the mean in a unit."""
        scale = 100 if unit == "%" else 1
        return Metric(
            value=scale * self.value,
            low=scale * self.interval.low,
            high=scale * self.interval.high,
            chance=scale * self.chance,
            unit=unit,
        )


def score_retrieval(
    queries: Sequence[Query],
    query_embeddings: Embeddings,
    candidate_embeddings: Embeddings,
    *,
    rng: Generator,
    policy: CandidatePolicy,
    similarity: Similarity = "cosine",
    views: Mapping[str, View] | None = None,
) -> Score:
    """Score the queries of one track. The order of the queries does not matter.

    A query is dropped if its source or all its positives have no embedding, and under ``mcq20``
    also if any of its candidates has none. Otherwise a candidate without an embedding is removed
    from its gallery.

    Args:
        queries: queries of one task.
        query_embeddings: embeddings of the sources.
        candidate_embeddings: embeddings of the candidates; may be the same.
        rng: random numbers for the intervals.
        policy: candidate policy of the queries.
        similarity: similarity for the ranking.
        views: view of each clip. The score is then also given for each view: that of the source,
            or that of the positive if the source is a text. Means are then the mean of the means
            of both views, even if one view has more queries.

    Raises:
        DataError: if no query can be scored, or an embedding is not finite.

    >>> from egoexobench.types import Gallery
    >>> embeddings = Embeddings(("a/ego", "a/exo", "b/exo"), np.array([[1.0, 0], [1, 1], [0, 1]]))
    >>> query = Query("a/ego", Gallery(("a/exo", "b/exo")), positives=(0,), cluster="take 1")
    >>> rng = np.random.default_rng(0)
    >>> score = score_retrieval([query], embeddings, embeddings, rng=rng, policy="gallery")
    >>> score.metrics["hit_rate_at_1"].value, score.metrics["hit_rate_at_1"].chance
    (100.0, 50.0)
    """
    answerable, num_missing = filter_answerable(
        queries, query_embeddings, candidate_embeddings, policy
    )
    if not answerable:
        raise DataError(
            f"none of the {len(queries)} queries can be scored: a query needs an embedding of its "
            "source and of at least one positive"
        )
    answerable.sort(key=lambda query: (query.source, query.positive_ids[0], query.cluster))
    ranks = rank_queries(answerable, query_embeddings, candidate_embeddings, similarity)
    query_views = [] if policy == "both-views" else _find_query_views(answerable, views or {})
    by_view = _score_by_view(answerable, ranks, query_views, rng)
    return replace(
        _score_queries(answerable, ranks, rng, query_views),
        num_dropped=len(queries) - len(answerable),
        num_missing_candidates=num_missing,
        query_results=_make_query_results(answerable, ranks),
        by_subset=by_view,
    )


def filter_answerable(
    queries: Sequence[Query],
    query_embeddings: Embeddings,
    candidate_embeddings: Embeddings,
    policy: CandidatePolicy,
) -> tuple[list[Query], int]:
    """Return the queries that can be scored, and how many candidates have no embedding.

    See :func:`score_retrieval` for the rule. Galleries of the result contain only candidates that
    have an embedding.
    """
    answerable: list[Query] = []
    missing: set[str] = set()
    complete: dict[Gallery, Gallery] = {}
    for query in queries:
        ids = query.gallery.ids
        if query.gallery not in complete:
            absent = {name for name in ids if name not in candidate_embeddings.index}
            complete[query.gallery] = Gallery(tuple(name for name in ids if name not in absent))
            missing |= absent
        gallery = complete[query.gallery]
        positives = tuple(
            gallery.index[name] for name in query.positive_ids if name in gallery.index
        )
        if query.source not in query_embeddings.index or not positives:
            continue
        if len(gallery.ids) == len(ids):
            answerable.append(query)
        elif policy != "mcq20":
            answerable.append(replace(query, gallery=gallery, positives=positives))
    return answerable, len(missing) if policy != "mcq20" else 0


def rank_queries(
    queries: Sequence[Query],
    query_embeddings: Embeddings,
    candidate_embeddings: Embeddings,
    similarity: Similarity = "cosine",
) -> Ranks:
    """Rank the best positive of each query, with one matrix product for each gallery.

    Queries with a gallery of their own are ranked together with others of the same length.
    """
    sources, source_row = to_tensor(query_embeddings.vectors), query_embeddings.index
    targets, target_row = to_tensor(candidate_embeddings.vectors), candidate_embeddings.index
    result = torch.zeros(5, len(queries), dtype=torch.int64)
    for indices, is_shared in _iter_batches(queries):
        batch = [queries[index] for index in indices]
        galleries = [query.gallery for query in (batch[:1] if is_shared else batch)]
        choices = torch.tensor([[target_row[name] for name in g.ids] for g in galleries])
        ranks = compute_ranks(
            sources[torch.tensor([source_row[query.source] for query in batch])],
            targets[choices[0]] if is_shared else targets,
            [query.positives for query in batch],
            choices=None if is_shared else choices,
            similarity=similarity,
        )
        result[:, indices] = torch.stack(
            [
                ranks.optimistic,
                ranks.pessimistic,
                ranks.num_candidates,
                ranks.num_positives,
                ranks.num_tied_positives,
            ]
        )
    return Ranks(*result)


def _iter_batches(queries: Sequence[Query]) -> Iterator[tuple[list[int], bool]]:
    """Yield indices of queries that are ranked together, and whether they share one gallery."""
    by_gallery: dict[Gallery, list[int]] = {}
    for index, query in enumerate(queries):
        by_gallery.setdefault(query.gallery, []).append(index)
    by_length: dict[int, list[int]] = {}
    for gallery, indices in by_gallery.items():
        if len(indices) > 1:
            yield indices, True
        else:
            by_length.setdefault(len(gallery.ids), []).extend(indices)
    for indices in by_length.values():
        yield indices, len(indices) == 1


def _find_query_views(queries: Sequence[Query], views: Mapping[str, View]) -> list[str]:
    """Return the view of each query: of its source, or of its positive if the source is a text."""
    return [views.get(query.source, views.get(query.positive_ids[0], "text")) for query in queries]


def _score_by_view(
    queries: Sequence[Query], ranks: Ranks, query_views: Sequence[str], rng: Generator
) -> dict[str, Score]:
    """Return the score of each view, if there are several."""
    names = sorted(set(query_views))
    scores = {}
    for name in names if len(names) > 1 else ():
        indices = [index for index, view in enumerate(query_views) if view == name]
        subset = [queries[index] for index in indices]
        scores[name] = _score_queries(subset, ranks.select(torch.tensor(indices)), rng, ())
    return scores


def _score_queries(
    queries: Sequence[Query], ranks: Ranks, rng: Generator, query_views: Sequence[str]
) -> Score:
    clusters = [query.cluster for query in queries]
    return Score(
        metrics=summarize_ranks(ranks, clusters, rng=rng, query_views=query_views),
        num_queries=len(queries),
        num_clusters=len(set(clusters)),
        candidate_range=(int(ranks.num_candidates.min()), int(ranks.num_candidates.max())),
    )


def summarize_ranks(
    ranks: Ranks, clusters: Sequence[str], *, rng: Generator, query_views: Sequence[str] = ()
) -> dict[str, Metric]:
    """Return every retrieval metric of some queries, with intervals and chance.

    Means are over the queries of each view, then over the views; the median is over all queries.

    Args:
        ranks: ``(N,)``.
        clusters: queries of different clusters are independent, ``(N,)``.
        rng: random numbers for the intervals.
        query_views: view of each query, ``(N,)``, or empty.
    """
    result = {}
    is_balanced = len(set(Counter(query_views).values())) <= 1
    membership = None if is_balanced else _mark_views(query_views)
    for k in TOP_K:
        values, chance = metrics.hit_rate_at_k(ranks, k), metrics.chance_hit_rate_at_k(ranks, k)
        mean = _compute_mean(values, chance, clusters, rng=rng, membership=membership)
        result[f"hit_rate_at_{k}"] = mean.to_metric("%")
    positions = metrics.expected_rank(ranks)
    interval = bootstrap_median_interval(positions, clusters, rng=rng)
    result["median_rank"] = Metric(
        value=float(np.median(positions)),
        low=interval.low,
        high=interval.high,
        chance=metrics.chance_median_rank(ranks),
        unit="rank",
    )
    values, chance = metrics.reciprocal_rank(ranks), metrics.chance_reciprocal_rank(ranks)
    mean = _compute_mean(values, chance, clusters, rng=rng, membership=membership)
    result["mrr"] = mean.to_metric("1")
    return result


def _mark_views(query_views: Sequence[str]) -> Floats:
    """Return 1 where a query belongs to a view, one row for each view, ``(V, N)``."""
    names = np.asarray(query_views)
    return np.stack([names == view for view in sorted(set(query_views))]).astype(float)


def _compute_mean(
    values: Floats,
    chance: Floats,
    clusters: Sequence[str],
    *,
    rng: Generator,
    membership: Floats | None,
) -> _MeanEstimate:
    """Return the mean of some values, or the mean of the means of each view, as a share of 1."""
    if membership is None:
        interval = bootstrap_mean_interval(values, clusters, rng=rng)
        value, guess = float(values.mean()), float(chance.mean())
        return _MeanEstimate(value, interval, guess)

    def compute_means(weights: Floats, terms: Floats = values) -> Floats:
        sums, counts = (weights * terms) @ membership.T, weights @ membership.T  # (R, V)
        is_drawn = counts > 0  # a draw of clusters may contain no query of a view
        means = np.where(is_drawn, sums / np.maximum(counts, 1), 0)
        return np.asarray(means.sum(1) / is_drawn.sum(1))

    once = np.ones((1, len(values)))
    interval = bootstrap_interval(compute_means, clusters, rng=rng)
    value, guess = float(compute_means(once)[0]), float(compute_means(once, chance)[0])
    return _MeanEstimate(value, interval, guess)


def _make_query_results(queries: Sequence[Query], ranks: Ranks) -> tuple[QueryResult, ...]:
    top1 = metrics.hit_rate_at_k(ranks, 1).tolist()
    return tuple(
        QueryResult(
            source=query.source,
            positive_ids=query.positive_ids,
            optimistic=int(ranks.optimistic[index]),
            pessimistic=int(ranks.pessimistic[index]),
            num_candidates=int(ranks.num_candidates[index]),
            top1_probability=top1[index],
            cluster=query.cluster,
            num_positives=int(ranks.num_positives[index]),
            num_tied_positives=int(ranks.num_tied_positives[index]),
        )
        for index, query in enumerate(queries)
    )
