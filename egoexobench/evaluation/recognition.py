"""Scores of the recognition tasks: a linear layer on frozen embeddings (paper, eqs. 13 and 14)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from egoexobench.errors import DataError
from egoexobench.evaluation import classification, intervals, linear_probe
from egoexobench.evaluation.score import Metric, Row, Score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator

    from egoexobench.evaluation.classification import LabelMatrix
    from egoexobench.evaluation.metrics import Floats
    from egoexobench.evaluation.tracks import Item
    from egoexobench.types import Embeddings

_RECALL = 5


@dataclass(frozen=True, slots=True)
class Labelled:
    """Items of one split and the embeddings to recognise them by; other embeddings may be there."""

    items: Sequence[Item]
    embeddings: Embeddings


def score_recognition(
    train: Labelled, test: Labelled, rng: Generator, *, val: Labelled | None = None
) -> Score:
    """Train the linear layer on one split and score it on another.

    An item with several classes is trained towards all of them in equal parts. The classes are
    those of the training and of the test items; one that no training item has is ranked last.
    Items without an embedding are dropped, and counted for the test split. The order of the items
    does not matter.

    Args:
        train: what the layer is fitted to.
        test: what is scored.
        rng: the source of chance of the intervals.
        val: chooses the strength of the penalty; without it ``linear_probe.STRENGTH``.

    Raises:
        DataError: no training or no test item is left, or an embedding is not finite.
    """
    seen, known = _present(train, "training"), _present(test, "test")
    learnt = _classes(seen)
    classes = sorted({*learnt, *_classes(known)})
    layer = _layer(train, seen, val, learnt)
    logits = torch.full((len(known), len(classes)), -torch.inf, dtype=torch.float64)
    columns = [classes.index(name) for name in learnt]
    # Probabilities, not logits: cross-entropy leaves each item's logits free up to a constant.
    logits[:, columns] = linear_probe.predict(layer, _vectors(test, known)).log_softmax(1)
    return score_classes(logits.numpy(), known, classes, rng, dropped=len(test.items) - len(known))


def score_classes(
    scores: Floats,
    items: Sequence[Item],
    classes: Sequence[str],
    rng: Generator,
    *,
    dropped: int = 0,
) -> Score:
    """Score ``scores (N, C)``, one row an item and one column a class, however they were made."""
    truth = _truth(items, classes)
    single = np.flatnonzero(truth.sum(1) == 1).tolist()
    parts = {}
    if 0 < len(single) < len(items):
        chosen = [items[place] for place in single]
        parts["single"] = _score(scores[single], truth[single], chosen, rng)
    whole = _score(scores, truth, items, rng)
    rows = _rows(scores, truth, items)
    return Score(
        whole.metrics, whole.n, whole.clusters, whole.candidates, dropped, rows=rows, parts=parts
    )


def _score(scores: Floats, truth: LabelMatrix, items: Sequence[Item], rng: Generator) -> Score:
    clusters = [item.cluster for item in items]
    size = len(truth[0])
    return Score(
        metrics={
            "hit_rate_at_1": _top(scores, truth, clusters, rng),
            "recall_at_5": _recall(scores, truth, clusters, rng),
            "map": _map(scores, truth, clusters, rng),
        },
        n=len(items),
        clusters=len(set(clusters)),
        candidates=(size, size),
    )


def _top(scores: Floats, truth: LabelMatrix, clusters: Sequence[str], rng: Generator) -> Metric:
    values = classification.top1_accuracy(scores, truth)
    interval = intervals.mean(values, clusters, rng)
    chance = float(classification.chance_top1_accuracy(truth).mean())
    return _percent(
        float(values.mean()), interval, chance, classification.majority_top1_accuracy(truth)
    )


def _recall(scores: Floats, truth: LabelMatrix, clusters: Sequence[str], rng: Generator) -> Metric:
    found = classification.recall_at_k_terms(scores, truth, _RECALL)
    value = classification.class_mean_recall(found, truth, np.ones((1, len(truth))))[0]
    interval = intervals.weighted(
        lambda weights: classification.class_mean_recall(found, truth, weights), clusters, rng
    )
    chance = classification.chance_recall_at_k(truth.shape[1], _RECALL)
    return _percent(
        float(value), interval, chance, classification.majority_recall_at_k(truth, _RECALL)
    )


def _map(scores: Floats, truth: LabelMatrix, clusters: Sequence[str], rng: Generator) -> Metric:
    def statistic(weights: Floats) -> Floats:
        return classification.class_mean(classification.average_precision(scores, truth, weights))

    value = statistic(np.ones((1, len(truth))))[0]
    interval = intervals.weighted(statistic, clusters, rng)
    positives = truth.sum(0)
    chance = np.mean(
        [classification.chance_average_precision(len(truth), int(p)) for p in positives if p]
    )
    # A constant answer ranks the items of a class in no order at all: its mAP is chance.
    return _percent(float(value), interval, float(chance), float(chance))


def _percent(value: float, interval: intervals.Interval, chance: float, majority: float) -> Metric:
    return Metric(
        value=100 * value,
        low=100 * interval.low,
        high=100 * interval.high,
        chance=100 * chance,
        majority=100 * majority,
        unit="%",
    )


def _rows(scores: Floats, truth: LabelMatrix, items: Sequence[Item]) -> tuple[Row, ...]:
    own = np.where(truth, scores, -np.inf).max(1, keepdims=True)
    best = 1 + (scores > own).sum(1)
    worst = 1 + ((scores >= own) & ~truth).sum(1)
    hits = classification.top1_accuracy(scores, truth)
    columns = (best.tolist(), worst.tolist(), hits.tolist())
    return tuple(
        Row(item.clip, item.labels, first, last, truth.shape[1], value, item.cluster)
        for item, first, last, value in zip(items, *columns, strict=True)
    )


def _layer(
    train: Labelled, seen: Sequence[Item], val: Labelled | None, learnt: Sequence[str]
) -> linear_probe.Probe:
    features, targets = _vectors(train, seen), _targets(seen, learnt)
    if val is None:
        return linear_probe.fit(features, targets)
    known = set(learnt)
    usable = [item for item in _present(val, "validation") if known & set(item.labels)]
    if not usable:
        return linear_probe.fit(features, targets)
    return linear_probe.choose(features, targets, _vectors(val, usable), _targets(usable, learnt))


def _present(split: Labelled, name: str) -> list[Item]:
    index = split.embeddings.index
    items = sorted((item for item in split.items if item.clip in index), key=lambda item: item.clip)
    if not items:
        raise DataError(
            f"none of {len(split.items)} {name} items has an embedding; the linear layer needs some"
        )
    return items


def _vectors(split: Labelled, items: Sequence[Item]) -> Tensor:
    index = split.embeddings.index
    vectors = split.embeddings.vectors[torch.tensor([index[item.clip] for item in items])]
    broken = ~torch.isfinite(vectors).all(1)
    if broken.any():
        name = items[int(broken.nonzero()[0])].clip
        raise DataError(
            f"{int(broken.sum())} of {len(items)} embeddings hold NaN or infinity, the first is of "
            f"{name!r}; a linear layer needs finite numbers"
        )
    return vectors


def _classes(items: Sequence[Item]) -> list[str]:
    return sorted({label for item in items for label in item.labels})


def _truth(items: Sequence[Item], classes: Sequence[str]) -> LabelMatrix:
    column = {name: place for place, name in enumerate(classes)}
    truth = np.zeros((len(items), len(classes)), bool)
    for row, item in enumerate(items):
        truth[row, [column[label] for label in item.labels if label in column]] = True
    return truth


def _targets(items: Sequence[Item], classes: Sequence[str]) -> Tensor:
    truth = torch.from_numpy(_truth(items, classes)).double()
    return truth / truth.sum(1, keepdim=True)
