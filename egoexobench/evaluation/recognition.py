"""Scores of the recognition tasks: a linear layer on frozen embeddings (paper, eqs. 13 and 14)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from egoexobench.errors import DataError
from egoexobench.evaluation import classification
from egoexobench.evaluation.arrays import Floats, Vectors, find_nonfinite_rows, to_floats, to_tensor
from egoexobench.evaluation.intervals import ConfidenceInterval, bootstrap_variance
from egoexobench.evaluation.linear_probe import (
    LinearProbe,
    fit_linear_probe,
    fit_with_validation,
    predict_logits,
)
from egoexobench.evaluation.results import Metric, QueryResult, Score
from egoexobench.evaluation.score_intervals import compute_mean_interval, compute_score_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator

    from egoexobench.evaluation.classification import LabelMatrix
    from egoexobench.evaluation.queries import LabeledClip
    from egoexobench.types import Embeddings

RECALL_K = 5


@dataclass(frozen=True, slots=True)
class LabeledEmbeddings:
    """Labeled clips of one split and embeddings; embeddings of other clips are not used."""

    clips: Sequence[LabeledClip]
    embeddings: Embeddings


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Log-probabilities of classes.

    ``values`` are float64 ``(N, C)``: one row for each of ``clips``, one column for each of
    ``classes``; minus infinity for a class without a training clip. ``num_dropped`` clips have no
    embedding.
    """

    clips: Sequence[LabeledClip]
    classes: Sequence[str]
    values: Tensor
    num_dropped: int = 0


def score_recognition(
    train: LabeledEmbeddings,
    test: LabeledEmbeddings,
    *,
    rng: Generator,
    val: LabeledEmbeddings | None = None,
) -> Score:
    """Train the linear layer on one split and score it on another.

    The arguments are those of :func:`compute_class_scores`; ``rng`` is for the intervals.
    """
    return score_class_scores(compute_class_scores(train, test, val), rng=rng)


def compute_class_scores(
    train: LabeledEmbeddings, test: LabeledEmbeddings, val: LabeledEmbeddings | None = None
) -> ClassScores:
    """Train the linear layer on one split and apply it to another.

    A clip with several classes is trained towards all of them in equal parts. The classes are
    those of the training and of the test clips; one without a training clip is ranked last.
    Clips without an embedding are dropped, and counted for the test split. The order of the clips
    does not matter.

    Args:
        train: clips to fit the layer to.
        test: clips to score.
        val: clips to select the penalty with; without them it is ``linear_probe.DEFAULT_L2``.

    Raises:
        DataError: if no training or no test clip has an embedding, or an embedding is not finite.
    """
    train_clips = _find_embedded_clips(train, "training")
    test_clips = _find_embedded_clips(test, "test")
    train_classes = _list_classes(train_clips)
    classes = sorted({*train_classes, *_list_classes(test_clips)})
    probe = _fit_probe(train, train_clips, val, train_classes)
    logits = torch.full((len(test_clips), len(classes)), -torch.inf, dtype=torch.float64)
    columns = [classes.index(name) for name in train_classes]
    # Probabilities, not logits: cross-entropy leaves each clip's logits free up to a constant.
    logits[:, columns] = predict_logits(probe, _select_vectors(test, test_clips)).log_softmax(1)
    return ClassScores(test_clips, classes, logits, len(test.clips) - len(test_clips))


def score_class_scores(scores: ClassScores, *, rng: Generator) -> Score:
    """Return the metrics of class scores."""
    score = score_classes(scores.values, scores.clips, scores.classes, rng=rng)
    return replace(score, num_dropped=scores.num_dropped)


def score_classes(
    scores: Vectors, clips: Sequence[LabeledClip], classes: Sequence[str], *, rng: Generator
) -> Score:
    """Score any class scores ``(N, C)``: one row for each clip, one column for each class."""
    values, truth = to_floats(scores), _make_label_matrix(clips, classes)
    single = np.flatnonzero(truth.sum(1) == 1).tolist()
    by_subset = {}
    if 0 < len(single) < len(clips):
        subset = [clips[index] for index in single]
        by_subset["single"] = _score_clips(values[single], truth[single], subset, rng)
    return replace(
        _score_clips(values, truth, clips, rng),
        query_results=_make_query_results(values, truth, clips),
        by_subset=by_subset,
    )


def _score_clips(
    scores: Floats, truth: LabelMatrix, clips: Sequence[LabeledClip], rng: Generator
) -> Score:
    clusters = [clip.cluster for clip in clips]
    num_classes = len(truth[0])
    return Score(
        metrics={
            "hit_rate_at_1": _measure_top1(scores, truth, clusters),
            "recall_at_5": _measure_recall(scores, truth, clusters),
            "map": _measure_map(scores, truth, clusters, rng),
        },
        num_queries=len(clips),
        num_clusters=len(set(clusters)),
        candidate_range=(num_classes, num_classes),
    )


def _measure_top1(scores: Floats, truth: LabelMatrix, clusters: Sequence[str]) -> Metric:
    values = classification.top1_accuracy(scores, truth)
    return _to_percent(
        float(values.mean()),
        compute_mean_interval(values, clusters),
        chance=float(classification.chance_top1_accuracy(truth).mean()),
        majority=classification.majority_top1_accuracy(truth),
    )


def _measure_recall(scores: Floats, truth: LabelMatrix, clusters: Sequence[str]) -> Metric:
    terms = classification.recall_at_k_terms(scores, truth, RECALL_K)
    rows, columns = np.nonzero(truth)
    return _to_percent(
        float(classification.class_mean_recall(terms, truth, np.ones((1, len(truth))))[0]),
        compute_mean_interval(
            terms[rows, columns], [clusters[row] for row in rows.tolist()], groups=columns.tolist()
        ),
        chance=classification.chance_recall_at_k(truth.shape[1], RECALL_K),
        majority=classification.majority_recall_at_k(truth, RECALL_K),
    )


def _measure_map(
    scores: Floats, truth: LabelMatrix, clusters: Sequence[str], rng: Generator
) -> Metric:
    def compute_map(weights: Floats) -> Floats:
        return classification.class_mean(classification.average_precision(scores, truth, weights))

    chances = [
        classification.chance_average_precision(len(truth), int(count))
        for count in truth.sum(0)
        if count
    ]
    chance = float(np.mean(chances))
    value = float(compute_map(np.ones((1, len(truth))))[0])
    variance = bootstrap_variance(compute_map, clusters, rng=rng)
    weights = (truth / np.maximum(truth.sum(0), 1)).sum(1)
    return _to_percent(
        value,
        compute_score_interval(value, variance, clusters, weights),
        chance=chance,
        # A constant answer ranks the clips of a class in random order: its mAP is chance.
        majority=chance,
    )


def _to_percent(
    value: float, interval: ConfidenceInterval, *, chance: float, majority: float
) -> Metric:
    return Metric(
        value=100 * value,
        low=100 * interval.low,
        high=100 * interval.high,
        chance=100 * chance,
        majority=100 * majority,
        unit="%",
    )


def _make_query_results(
    scores: Floats, truth: LabelMatrix, clips: Sequence[LabeledClip]
) -> tuple[QueryResult, ...]:
    own = np.where(truth, scores, -np.inf).max(1, keepdims=True)
    best = 1 + (scores > own).sum(1)
    worst = 1 + ((scores >= own) & ~truth).sum(1)
    top1 = classification.top1_accuracy(scores, truth)
    return tuple(
        QueryResult(
            source=clip.clip_id,
            positive_ids=clip.labels,
            optimistic=int(best[index]),
            pessimistic=int(worst[index]),
            num_candidates=truth.shape[1],
            top1_probability=float(top1[index]),
            cluster=clip.cluster,
        )
        for index, clip in enumerate(clips)
    )


def _fit_probe(
    train: LabeledEmbeddings,
    clips: Sequence[LabeledClip],
    val: LabeledEmbeddings | None,
    classes: Sequence[str],
) -> LinearProbe:
    features, targets = _select_vectors(train, clips), _make_targets(clips, classes)
    if val is None:
        return fit_linear_probe(features, targets)
    trained = set(classes)
    usable = [
        clip for clip in _find_embedded_clips(val, "validation") if trained & set(clip.labels)
    ]
    if not usable:
        return fit_linear_probe(features, targets)
    val_features, val_targets = _select_vectors(val, usable), _make_targets(usable, classes)
    return fit_with_validation(features, targets, val_features, val_targets)


def _find_embedded_clips(split: LabeledEmbeddings, name: str) -> list[LabeledClip]:
    clips = [clip for clip in split.clips if clip.clip_id in split.embeddings.index]
    if not clips:
        raise DataError(
            f"none of the {len(split.clips)} {name} clips has an embedding; the linear layer needs "
            "at least one"
        )
    return sorted(clips, key=lambda clip: clip.clip_id)


def _select_vectors(split: LabeledEmbeddings, clips: Sequence[LabeledClip]) -> Tensor:
    index = split.embeddings.index
    rows = torch.tensor([index[clip.clip_id] for clip in clips])
    vectors = to_tensor(split.embeddings.vectors)[rows]
    broken = find_nonfinite_rows(vectors)
    if len(broken):
        name = clips[int(broken[0])].clip_id
        raise DataError(
            f"{len(broken)} of {len(clips)} embeddings contain NaN or infinity, first "
            f"that of {name!r}"
        )
    return vectors


def _list_classes(clips: Sequence[LabeledClip]) -> list[str]:
    return sorted({label for clip in clips for label in clip.labels})


def _make_label_matrix(clips: Sequence[LabeledClip], classes: Sequence[str]) -> LabelMatrix:
    column = {name: index for index, name in enumerate(classes)}
    truth = np.zeros((len(clips), len(classes)), bool)
    for row, clip in enumerate(clips):
        truth[row, [column[label] for label in clip.labels if label in column]] = True
    return truth


def _make_targets(clips: Sequence[LabeledClip], classes: Sequence[str]) -> Tensor:
    truth = torch.from_numpy(_make_label_matrix(clips, classes)).double()
    return truth / truth.sum(1, keepdim=True)
