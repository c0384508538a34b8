"""Reference scores of every track: ``chance``, the score of guessing, and ``oracle``, the ceiling.

The embeddings of the oracle are made from the true answers. If the oracle stays below 100 %, the
track contains a query without a unique answer.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from egoexobench.data.disjoint_sets import DisjointSets
from egoexobench.evaluation.graded import GradedValues
from egoexobench.evaluation.query_ranking import sort_queries
from egoexobench.evaluation.ranks import Ranks
from egoexobench.evaluation.recognition import LabeledEmbeddings, score_recognition
from egoexobench.evaluation.retrieval import score_ranks
from egoexobench.evaluation.tasks import GRADED_METRICS
from egoexobench.types import GRADED_POLICY, CandidatePolicy, Embeddings, Gallery, Query, View

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.random import Generator

    from egoexobench.evaluation.queries import LabeledClip
    from egoexobench.evaluation.results import Metric, Score


def chance_score(score: Score) -> Score:
    """Return the score of random guessing on the same queries, in closed form, without interval."""
    return replace(
        score,
        metrics={name: _replace_by_chance(metric) for name, metric in score.metrics.items()},
        query_results=(),
        by_subset={name: chance_score(subset) for name, subset in score.by_subset.items()},
    )


def score_retrieval_oracle(
    queries: Sequence[Query],
    *,
    rng: Generator,
    policy: CandidatePolicy,
    views: Mapping[str, View] | None = None,
    groups: Sequence[str] = (),
) -> Score:
    """Return the score of embeddings made from the true answers.

    A source and its positives have the same embedding. A candidate that is a positive of several
    sources shares it with all of them. So the candidates of this group tie and come first, which
    needs no product of embeddings. With graded relevance the best order of each query is known.
    """
    if policy == GRADED_POLICY:
        return _score_graded_oracle(queries, rng=rng, views=views, groups=groups)
    ordered = sort_queries(queries)
    leaders = _group_equivalent(ordered)
    sizes: dict[Gallery, Counter[str | None]] = {}
    for gallery in {query.gallery for query in ordered}:
        sizes[gallery] = Counter(map(leaders.get, gallery.ids))
    columns = [
        (
            1,
            sizes[query.gallery][leaders[query.source]] - len(query.positives) + 1,
            len(query.gallery.ids),
            len(query.positives),
            len(query.positives),
        )
        for query in ordered
    ]
    return score_ranks(
        ordered, Ranks(*torch.tensor(columns).T), rng=rng, policy=policy, views=views
    )


def _score_graded_oracle(
    queries: Sequence[Query],
    *,
    rng: Generator,
    views: Mapping[str, View] | None,
    groups: Sequence[str],
) -> Score:
    """The right candidates of each query first, then the others by their relevance."""
    sizes = [(len(query.gallery.ids), len(query.positives)) for query in queries]
    columns = torch.tensor([(1, 1, total, right, right) for total, right in sizes])
    best = np.ones(len(queries))
    score = score_ranks(
        queries,
        Ranks(*columns.T),
        rng=rng,
        policy=GRADED_POLICY,
        views=views,
        groups=groups,
        graded=GradedValues(best, best, chance_average_precision=best, chance_ndcg=best),
    )
    return _drop_graded_chance(score)


def _drop_graded_chance(score: Score) -> Score:
    """It is not known here: it depends on every relevance."""
    metrics = {
        name: replace(metric, chance=None) if name in GRADED_METRICS else metric
        for name, metric in score.metrics.items()
    }
    subsets = {name: _drop_graded_chance(subset) for name, subset in score.by_subset.items()}
    return replace(score, metrics=metrics, by_subset=subsets)


def score_recognition_oracle(
    train: Sequence[LabeledClip],
    test: Sequence[LabeledClip],
    *,
    rng: Generator,
    val: Sequence[LabeledClip] | None = None,
) -> Score:
    """Return the score of the linear layer on embeddings that are the true labels, 0 or 1."""
    splits = (train, test, val or ())
    classes = sorted({label for split in splits for clip in split for label in clip.labels})
    return score_recognition(
        _label_embeddings(train, classes),
        _label_embeddings(test, classes),
        rng=rng,
        val=_label_embeddings(val, classes) if val else None,
    )


def _replace_by_chance(metric: Metric) -> Metric:
    level = metric.chance
    assert level is not None  # noqa: S101 - every metric that is computed has its chance level
    return replace(metric, value=level, low=level, high=level)


def _group_equivalent(queries: Sequence[Query]) -> dict[str, str]:
    """Map sources and positives to one representative of all that are positives of each other."""
    groups = DisjointSets()
    for query in queries:
        for positive in query.positive_ids:
            groups.join(query.source, positive)
    names = {query.source for query in queries}.union(*(query.positive_ids for query in queries))
    return {name: groups.find(name) for name in names}


def _label_embeddings(clips: Sequence[LabeledClip], classes: Sequence[str]) -> LabeledEmbeddings:
    vectors = [[float(name in clip.labels) for name in classes] for clip in clips]
    ids = tuple(clip.clip_id for clip in clips)
    return LabeledEmbeddings(clips, Embeddings(ids, torch.tensor(vectors)))
