"""Mean average precision of EPIC-KITCHENS-100 and of Charades."""

from __future__ import annotations

import numpy as np

from egoexobench.evaluation.arrays import Floats
from egoexobench.evaluation.classification import LabelMatrix


def ek100_precision(similarity: Floats, relevancy: Floats) -> float:
    """Mean average precision of queries (rows) whose hits are items of relevancy 1.

    The precision at a hit counts what is relevant in part by that part, though it is no hit.
    A query without a hit counts as 0.
    """
    graded = np.take_along_axis(relevancy, (-similarity).argsort(1, kind="stable"), 1)
    precision = graded.cumsum(1) / np.arange(1, graded.shape[1] + 1)
    hits = graded == 1
    return float(((precision * hits).sum(1) / np.maximum(hits.sum(1), 1)).mean())


def compute_ek100_gain(similarity: Floats, relevancy: Floats) -> float:
    """Mean nDCG of queries, cut at as many items as have any relevancy."""
    counted = -np.sort(-relevancy, axis=1) > 0
    discount = counted / np.log2(np.arange(2, relevancy.shape[1] + 2))
    graded = np.take_along_axis(relevancy, (-similarity).argsort(1, kind="stable"), 1)
    ideal = -np.sort(-relevancy, axis=1)
    return float(((graded * discount).sum(1) / (ideal * discount).sum(1)).mean())


def score_ek100_mir(similarity: Floats, relevancy: Floats) -> dict[str, dict[str, float]]:
    """Both metrics of multi-instance retrieval, both ways and their mean, as shares of 1.

    Args:
        similarity: ``(videos, sentences)``.
        relevancy: likewise, 0 to 1.

    Source: facebookresearch/LaViLa 8002b5a and showlab/EgoVLP 928406c, which share the rule of
    the EPIC-KITCHENS-100 challenge.
    """
    report = {}
    for name, metric in (("mAP", ek100_precision), ("nDCG", compute_ek100_gain)):
        video_to_text, text_to_video = (
            metric(similarity, relevancy),
            metric(similarity.T, relevancy.T),
        )
        report[name] = {
            "V2T": video_to_text,
            "T2V": text_to_video,
            "avg": (video_to_text + text_to_video) / 2,
        }
    return report


def charades_precision(scores: Floats, truth: LabelMatrix) -> Floats:
    """Average precision ``(C,)`` of the classes of ``(N, C)``; NaN for a class without videos.

    A video without any class is ranked last in every class. The plain mean over classes, which
    the reference prints, is NaN as soon as one of them is (showlab/EgoVLP 928406c,
    facebookresearch/LaViLa 8002b5a).
    """
    shown = np.where(truth.any(1, keepdims=True), scores, -np.inf)
    order = (-shown).argsort(0, kind="stable")
    sorted_truth = np.take_along_axis(truth, order, 0)
    precision = sorted_truth.cumsum(0) / np.arange(1, len(sorted_truth) + 1)[:, None]
    with np.errstate(invalid="ignore"):
        return np.asarray((precision * sorted_truth).sum(0) / sorted_truth.sum(0))


def weight_charades_precision(precision: Floats, truth: LabelMatrix) -> Floats:
    """Each class's average precision by its share of all labels ``(C,)``; their sum is a mean."""
    return np.asarray(precision * truth.sum(0) / truth.sum())
