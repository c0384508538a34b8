"""Metrics by the rule of each reference, and by ours wherever both must agree."""

from typing import Any

import numpy as np
import torch
from golden_file import VARIANT_MARK, GoldenFile, flatten_values
from reference_metrics import choices, gallery, graded

from egoexobench.evaluation import classification, metrics
from egoexobench.evaluation.graded import compute_graded_values
from egoexobench.evaluation.ranks import compute_ranks

OURS = f"{VARIANT_MARK}ours"
NOT_MEASURED = (
    "eval_video_paths",
    "train_video_paths",
    "phase_progression/time_column_added",
    "seed",
)
"""Entries that describe the measurement."""


def get_numbers(golden: GoldenFile) -> dict[str, Any]:
    """Every number of a file by its path."""
    return {
        key: value
        for key, value in flatten_values(golden.metadata).items()
        if key not in NOT_MEASURED and not key.startswith("independent_implementation")
    }


def _get_arrays(golden: GoldenFile) -> dict[str, Any]:
    return {name: value.numpy() for name, value in golden.inputs.items()}


def _compute_accuracy(golden: GoldenFile, labels: tuple[str, ...], k: int) -> dict[str, float]:
    """Our accuracy in percent for each question type."""
    inputs, outputs = golden.inputs, {}
    for name, kind in zip(labels, inputs["types"].unique(), strict=True):
        rows = inputs["types"] == kind
        scores = inputs["scores"][rows]
        # columns are unit vectors, which is exact
        columns = torch.eye(scores.shape[1], dtype=scores.dtype)
        own_ranks = compute_ranks(scores, columns, inputs["answer"][rows], similarity="dot")
        outputs[name] = 100 * float(metrics.hit_rate_at_k(own_ranks, k).mean())
    return outputs


def compute_mcq20(golden: GoldenFile) -> dict[str, Any]:
    inputs = _get_arrays(golden)
    questions = inputs["scores"], inputs["answer"], inputs["types"]
    first = choices.score_first_maximum(*questions, choices.ASSOCIATION)
    outputs = {
        "egoexolearn_top1": first,
        "soundbridge_topk": choices.score_soundbridge(*questions),
        "average_of_directions": float(np.mean(list(first.values()))),
        "argmax_index": inputs["scores"].argmax(1).tolist(),
        "topk10_indices": choices.select_torch_topk(inputs["scores"], 10).tolist(),
    }
    ties = "argmax_index" in golden.metadata
    if not ties:
        outputs[f"egoexolearn_top1{OURS}"] = _compute_accuracy(golden, choices.ASSOCIATION, 1)
        for k in (1, 5, 10):
            own_scores = _compute_accuracy(golden, choices.ASSOCIATION, k)
            outputs |= {
                f"soundbridge_topk/{n}_top{k}{OURS}": value for n, value in own_scores.items()
            }
    return _select_expected(outputs, get_numbers(golden))


def _select_expected(outputs: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """The outputs that a file contains; a variant keeps its mark at the end."""
    leaves = {}
    for name, value in outputs.items():
        label, mark, variant = name.partition(VARIANT_MARK)
        leaves |= {
            f"{key}{mark}{variant}": value for key, value in flatten_values(value, label).items()
        }
    return {
        key: value for key, value in leaves.items() if key.partition(VARIANT_MARK)[0] in expected
    }


def compute_egomcq(golden: GoldenFile) -> dict[str, Any]:
    inputs = _get_arrays(golden)
    questions = inputs["scores"], inputs["answer"], inputs["types"]
    outputs = {
        "lavila_and_egovlp": choices.score_first_maximum(*questions, choices.EGOMCQ),
        "egoinstructor_label_order": choices.score_first_maximum(*questions, choices.EGOINSTRUCTOR),
        f"lavila_and_egovlp{OURS}": _compute_accuracy(golden, choices.EGOMCQ, 1),
    }
    return _select_expected(outputs, get_numbers(golden))


def _compute_both_directions(similarity: Any) -> dict[str, Any]:
    return {
        "frozen_in_time_t2v": gallery.score_text_to_video(similarity),
        "frozen_in_time_v2t": gallery.score_video_to_text(similarity),
    }


def compute_multi_caption(golden: GoldenFile) -> dict[str, Any]:
    return flatten_values(_compute_both_directions(_get_arrays(golden)["similarity"]))


TABLES_BY_CASE = {
    "no_ties": "similarity",
    "ties": "similarity_ties",
    "constant": "similarity_constant",
}


def compute_full_gallery(golden: GoldenFile) -> dict[str, Any]:
    outputs: dict[str, Any] = {}
    for case, name in TABLES_BY_CASE.items():
        scores = _get_arrays(golden)[name]
        outputs[case] = _compute_both_directions(scores)
        for direction, table in (("rows", scores), ("columns", scores.T)):
            outputs[case][f"egoinstructor_{direction}"] = {
                **gallery.score_egoinstructor(table),
                "cols": gallery.compute_egoinstructor_ranks(table),
            }
            outputs |= _compute_own_ranks(case, direction, table)
    return _select_expected(outputs, get_numbers(golden))


def _compute_own_ranks(case: str, direction: str, table: Any) -> dict[str, Any]:
    """Our mean rank: equal to all references without ties; `v2t` has the same tie rule."""
    scores = torch.from_numpy(np.ascontiguousarray(table))
    columns = torch.eye(len(scores), dtype=scores.dtype)
    own_ranks = compute_ranks(scores, columns, torch.arange(len(scores)), similarity="dot")
    mean, median = (
        metrics.expected_rank(own_ranks).mean(),
        np.median(metrics.expected_rank(own_ranks)),
    )
    outputs = {}
    if case == "no_ties":
        outputs[f"{case}/egoinstructor_{direction}/MeanR{OURS}"] = float(mean)
        outputs[f"{case}/egoinstructor_{direction}/MedianR{OURS}"] = float(median)
        for k in (1, 5, 10):
            share = 100 * float(metrics.hit_rate_at_k(own_ranks, k).mean())
            outputs[f"{case}/egoinstructor_{direction}/R{k}{OURS}"] = share
    if direction == "columns":
        outputs[f"{case}/frozen_in_time_v2t/MeanR{OURS}"] = float(mean)
        outputs[f"{case}/frozen_in_time_v2t/MedR{OURS}"] = float(median)
    return outputs


def compute_ek100(golden: GoldenFile) -> dict[str, Any]:
    inputs = _get_arrays(golden)
    similarity, relevance = inputs["similarity"], inputs["relevancy"]
    outputs = {"result": graded.score_ek100_mir(similarity, relevance)}
    to_text = compute_graded_values(similarity, relevance)
    to_video = compute_graded_values(similarity.T, relevance.T)
    for name, field in (("mAP", "average_precision"), ("nDCG", "ndcg")):
        means = [float(getattr(side, field).mean()) for side in (to_text, to_video)]
        for direction, value in zip(("V2T", "T2V", "avg"), (*means, sum(means) / 2), strict=True):
            outputs[f"result/{name}/{direction}{OURS}"] = value
    return flatten_values(outputs)


def compute_charades(golden: GoldenFile) -> dict[str, Any]:
    inputs = _get_arrays(golden)
    scores, truth = inputs["scores"], inputs["targets"] > 0
    each = graded.charades_precision(scores, truth)
    lacking = graded.charades_precision(scores, inputs["targets_with_empty_class"] > 0)
    empty = np.flatnonzero(~truth.any(1))
    shown = scores.copy()
    shown[empty] = -np.inf
    own_precision = classification.average_precision(shown, truth, np.ones((1, len(truth))))
    outputs = {
        "per_class_AP": each.tolist(),
        "mAP": float(each.mean()),
        "weighted_AP_per_class": graded.weight_charades_precision(each, truth).tolist(),
        "empty_class/per_class_AP": lacking.tolist(),
        "empty_class/mAP": float(lacking.mean()),
        "videos_without_positives": empty.tolist(),
        f"per_class_AP{OURS}": own_precision[0].tolist(),
        f"mAP{OURS}": float(classification.class_mean(own_precision)[0]),
    }
    return _select_expected(outputs, get_numbers(golden))
