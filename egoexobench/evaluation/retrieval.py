"""Scores of the retrieval tasks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np
import torch

from egoexobench.errors import DataError
from egoexobench.evaluation import metrics
from egoexobench.evaluation.arrays import Floats
from egoexobench.evaluation.graded import GradedValues
from egoexobench.evaluation.intervals import ConfidenceInterval
from egoexobench.evaluation.query_ranking import RankedQueries, rank_answerable
from egoexobench.evaluation.ranks import Ranks
from egoexobench.evaluation.results import Metric, MetricUnit, QueryResult, Score
from egoexobench.evaluation.score_intervals import compute_mean_interval, compute_median_interval
from egoexobench.evaluation.tasks import TOP_K, list_top_k
from egoexobench.types import CandidatePolicy, Embeddings, Query, Similarity, View

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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

    A query is dropped if its source or all its positives have no embedding, and of a list
    also if any of its candidates has none. Otherwise a candidate without an embedding is removed
    from its gallery.

    Args:
        queries: queries of one task.
        query_embeddings: embeddings of the sources.
        candidate_embeddings: embeddings of the candidates; may be the same.
        rng: not read: every interval of retrieval is computed without random numbers.
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
    ranked = rank_answerable(
        queries, query_embeddings, candidate_embeddings, policy, similarity=similarity
    )
    if ranked is None:
        raise DataError(
            f"none of the {len(queries)} queries can be scored: a query needs an embedding of its "
            "source and of at least one positive"
        )
    return score_ranked_queries(ranked, rng=rng, policy=policy, views=views)


def score_ranked_queries(
    ranked: RankedQueries,
    *,
    rng: Generator,
    policy: CandidatePolicy,
    views: Mapping[str, View] | None = None,
) -> Score:
    """Return the score of queries that were ranked, with the number of those that were not.

    For ``rng`` and ``views`` see :func:`score_retrieval`.
    """
    return replace(
        score_ranks(
            ranked.queries,
            ranked.ranks,
            rng=rng,
            policy=policy,
            views=views,
            has_order=ranked.has_order,
            groups=ranked.groups,
            graded=ranked.graded,
        ),
        num_dropped=ranked.num_dropped,
        num_missing_candidates=ranked.num_missing_candidates,
    )


def score_ranks(
    queries: Sequence[Query],
    ranks: Ranks,
    *,
    rng: Generator,  # noqa: ARG001 - as other scores, so that callers need not tell them apart
    policy: CandidatePolicy,
    views: Mapping[str, View] | None = None,
    has_order: bool = True,
    groups: Sequence[str] = (),
    graded: GradedValues | None = None,
) -> Score:
    """Return the score of ranks, ``(N,)``, of the queries that were ranked.

    The same ranks give the same score, so that a record can be verified. For ``rng`` and ``views``
    see :func:`score_retrieval`; ``groups`` of queries stand in place of the views, and ``graded``
    adds the metrics of graded relevance. Without ``has_order`` only the first candidate of a query
    is known, and the hit rate at 1 is the only metric.

    >>> from egoexobench.types import Gallery
    >>> query = Query("a/ego", Gallery(("a/exo", "b/exo")), positives=(0,), cluster="take 1")
    >>> one, two = torch.tensor([1]), torch.tensor([2])
    >>> ranks = Ranks(one, one, num_candidates=two, num_positives=one, num_tied_positives=one)
    >>> score = score_ranks([query], ranks, rng=np.random.default_rng(0), policy="gallery")
    >>> score.metrics["hit_rate_at_1"].value
    100.0
    """
    query_views = [] if policy == "both-views" else find_query_views(queries, views or {})
    ranked = _Ranked(queries, ranks, graded)
    top_k = list_top_k(policy) if has_order else ()
    by_view = _score_by_view(ranked, groups or query_views, top_k)
    return replace(
        _score_queries(ranked, groups or query_views, top_k),
        query_results=_make_query_results(ranked),
        by_subset=by_view,
    )


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Queries, their ranks, and their values with graded relevance."""

    queries: Sequence[Query]
    ranks: Ranks
    graded: GradedValues | None

    def select(self, indices: Sequence[int]) -> _Ranked:
        """Return some of them."""
        return _Ranked(
            [self.queries[index] for index in indices],
            self.ranks.select(torch.tensor(indices)),
            self.graded.select(indices) if self.graded else None,
        )


def find_query_views(queries: Sequence[Query], views: Mapping[str, View]) -> list[str]:
    """Return the view of each query: of its source, or of its positive if the source is a text.

    >>> from egoexobench.types import Gallery
    >>> queries = [Query("text", Gallery(("a/exo",)), positives=(0,), cluster="take 1")]
    >>> find_query_views(queries, {"a/exo": "exo"})
    ['exo']
    """
    return [views.get(query.source, views.get(query.positive_ids[0], "text")) for query in queries]


def split_by_view(values: Floats, query_views: Sequence[str]) -> list[Floats]:
    """Return the values of the queries of each view, or all values if views have equally many.

    A score is the mean of the means of these lists.

    >>> split_by_view(np.array([1.0, 0.0, 0.5]), ["ego", "exo", "exo"])
    [array([1.]), array([0. , 0.5])]
    """
    if _is_balanced(query_views):
        return [values]
    names = np.asarray(query_views)
    return [values[names == view] for view in sorted(set(query_views))]


def _score_by_view(
    ranked: _Ranked, query_views: Sequence[str], top_k: Sequence[int]
) -> dict[str, Score]:
    """Return the score of each view, if there are several."""
    names = sorted(set(query_views))
    scores = {}
    for name in names if len(names) > 1 else ():
        indices = [index for index, view in enumerate(query_views) if view == name]
        scores[name] = _score_queries(ranked.select(indices), (), top_k)
    return scores


def _score_queries(ranked: _Ranked, query_views: Sequence[str], top_k: Sequence[int]) -> Score:
    clusters, sizes = [query.cluster for query in ranked.queries], ranked.ranks.num_candidates
    metrics_of_ranks = summarize_ranks(ranked.ranks, clusters, query_views=query_views, top_k=top_k)
    return Score(
        metrics=metrics_of_ranks | _summarize_graded(ranked.graded, clusters, query_views),
        num_queries=len(ranked.queries),
        num_clusters=len(set(clusters)),
        candidate_range=(int(sizes.min()), int(sizes.max())),
    )


def _summarize_graded(
    graded: GradedValues | None, clusters: Sequence[str], query_views: Sequence[str]
) -> dict[str, Metric]:
    if graded is None:
        return {}
    groups = () if _is_balanced(query_views) else query_views
    values = {
        "mir_map": (graded.average_precision, graded.chance_average_precision),
        "ndcg": (graded.ndcg, graded.chance_ndcg),
    }
    return {
        name: _compute_mean(*pair, clusters, groups).to_metric("%") for name, pair in values.items()
    }


def _is_balanced(query_views: Sequence[str]) -> bool:
    """Whether the mean over all queries is the mean of the means of views."""
    return len(set(Counter(query_views).values())) <= 1


def summarize_ranks(
    ranks: Ranks,
    clusters: Sequence[str],
    *,
    query_views: Sequence[str] = (),
    top_k: Sequence[int] = TOP_K,
) -> dict[str, Metric]:
    """Return every retrieval metric of some queries, with intervals and chance.

    Means are over the queries of each view, then over the views; the median is over all queries.

    Args:
        ranks: ``(N,)``.
        clusters: queries of different clusters are independent, ``(N,)``.
        query_views: view of each query, ``(N,)``, or empty.
        top_k: the k of every hit rate; empty if only the first candidate of a query is known, which
            gives one metric.
    """
    result = {}
    groups = () if _is_balanced(query_views) else query_views
    for k in top_k or (1,):
        values, chance = metrics.hit_rate_at_k(ranks, k), metrics.chance_hit_rate_at_k(ranks, k)
        mean = _compute_mean(values, chance, clusters, groups)
        result[f"hit_rate_at_{k}"] = mean.to_metric("%")
    if not top_k:
        return result
    positions = metrics.expected_rank(ranks)
    interval = compute_median_interval(positions, clusters)
    result["median_rank"] = Metric(
        value=float(np.median(positions)),
        low=interval.low,
        high=interval.high,
        chance=metrics.chance_median_rank(ranks),
        unit="rank",
    )
    values, chance = metrics.reciprocal_rank(ranks), metrics.chance_reciprocal_rank(ranks)
    result["mrr"] = _compute_mean(values, chance, clusters, groups).to_metric("1")
    return result


def _compute_mean(
    values: Floats, chance: Floats, clusters: Sequence[str], groups: Sequence[str]
) -> _MeanEstimate:
    """Return the mean of some values, or the mean of the means of each view, as a share of 1."""
    interval = compute_mean_interval(values, clusters, groups=groups)
    if not groups:
        return _MeanEstimate(float(values.mean()), interval, float(chance.mean()))
    names = np.asarray(groups)
    membership = np.stack([names == view for view in sorted(set(groups))]).astype(float)  # (V, N)
    sums = np.stack([values, chance]) @ membership.T
    value, guess = (sums / membership.sum(1)).mean(1)
    return _MeanEstimate(float(value), interval, float(guess))


def _make_query_results(ranked: _Ranked) -> tuple[QueryResult, ...]:
    top1 = metrics.hit_rate_at_k(ranked.ranks, 1).tolist()
    # at once: one number after the other takes longer than ranking
    rows = ranked.ranks.stack().T.tolist()
    graded = ranked.graded
    values = [graded.average_precision.tolist(), graded.ndcg.tolist()] if graded else []
    by_query = zip(*values, strict=True) if values else repeat((None, None))
    return tuple(
        QueryResult(
            source=query.source,
            positive_ids=query.positive_ids,
            optimistic=best,
            pessimistic=worst,
            num_candidates=num_candidates,
            top1_probability=probability,
            cluster=query.cluster,
            num_positives=num_positives,
            num_tied_positives=num_tied,
            average_precision=precision,
            ndcg=gain,
        )
        for query, probability, (best, worst, num_candidates, num_positives, num_tied), (
            precision,
            gain,
        ) in zip(ranked.queries, top1, rows, by_query, strict=False)
    )
