"""The two rows beside every track: ``chance``, what guessing scores, and ``oracle``, the ceiling.

The oracle's embeddings are made from the truth and go through the same code as anybody's. Where it
stays below 100 %, the track itself holds a question that cannot be answered for sure.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from egoexobench.evaluation.recognition import Labelled, score_recognition
from egoexobench.evaluation.retrieval import score_retrieval
from egoexobench.types import CandidatePolicy, Embeddings, Query, Similarity, View

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.random import Generator

    from egoexobench.evaluation.score import Metric, Score
    from egoexobench.evaluation.tracks import Item

_WIDTH = 64


def chance(score: Score) -> Score:
    """Return the row of blind guessing on the questions of a score: closed form, no interval."""
    return replace(
        score,
        metrics={name: _guess(metric) for name, metric in score.metrics.items()},
        rows=(),
        parts={name: chance(part) for name, part in score.parts.items()},
    )


def oracle_retrieval(
    queries: Sequence[Query],
    rng: Generator,
    *,
    policy: CandidatePolicy,
    similarity: Similarity = "cosine",
    views: Mapping[str, View] | None = None,
) -> Score:
    """Return the score of embeddings that know the answers.

    A source and its answer get one random vector. What is the answer of several sources, or has
    several answers, shares it with all of them.
    """
    names = sorted({name for query in queries for name in (query.source, *query.gallery.ids)})
    leader = _joined(queries, names)
    row = {name: place for place, name in enumerate(sorted(set(leader.values())))}
    vectors = torch.from_numpy(rng.standard_normal((len(row), _WIDTH))).float()
    vectors = torch.nn.functional.normalize(vectors, dim=1)
    known = Embeddings(tuple(names), vectors[torch.tensor([row[leader[name]] for name in names])])
    return score_retrieval(
        queries, known, known, rng, policy=policy, similarity=similarity, views=views
    )


def oracle_recognition(
    train: Sequence[Item],
    test: Sequence[Item],
    rng: Generator,
    *,
    val: Sequence[Item] | None = None,
) -> Score:
    """Return the score of the linear layer on embeddings that are the true labels, 0 or 1."""
    splits = (train, test, val or ())
    classes = sorted({label for split in splits for item in split for label in item.labels})
    return score_recognition(
        _told(train, classes),
        _told(test, classes),
        rng,
        val=_told(val, classes) if val else None,
    )


def _guess(metric: Metric) -> Metric:
    level = metric.chance
    assert level is not None  # noqa: S101 - every metric that is computed has its chance level
    return replace(metric, value=level, low=level, high=level)


def _joined(queries: Sequence[Query], names: Sequence[str]) -> dict[str, str]:
    """Map each name to one name that stands for all that are answers of each other."""
    parent = {name: name for name in names}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = name = parent[parent[name]]
        return name

    for query in queries:
        for positive in query.positive_ids:
            first, second = sorted((root(query.source), root(positive)))
            parent[second] = first
    return {name: root(name) for name in names}


def _told(items: Sequence[Item], classes: Sequence[str]) -> Labelled:
    vectors = [[float(name in item.labels) for name in classes] for item in items]
    ids = tuple(item.clip for item in items)
    return Labelled(items, Embeddings(ids, torch.tensor(vectors)))
