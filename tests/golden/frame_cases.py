"""The frame metrics of AE2 by the harness, and by the reference of the tests."""

from typing import Any

import numpy as np
from golden_file import VARIANT_MARK, GoldenFile, flatten_values
from reference_metrics import ae2

from egoexobench.evaluation.frame_embeddings import FrameEmbeddings
from egoexobench.evaluation.frame_retrieval import rank_frames
from egoexobench.evaluation.frame_scores import score_frame_task
from egoexobench.types import FRAME_DIRECTIONS, FrameDirection, FrameTask

REFERENCE = f"{VARIANT_MARK}reference"
SIDES = ("train", "eval")
DIRECTIONS_BY_VIEWS: dict[str, FrameDirection] = {"ego_exo": "ego2exo", "exo_ego": "exo2ego"}


def compute_ae2(golden: GoldenFile) -> dict[str, Any]:
    """Every number of a file by the harness; those of the reference are a second way to it."""
    splits = {side: read_frames(golden, side) for side in SIDES}
    outputs = flatten_values(_score_tasks(golden, splits))
    reference = flatten_values(_score_reference(golden, splits))
    return outputs | {f"{name}{REFERENCE}": value for name, value in reference.items()}


def read_frames(golden: GoldenFile, side: str) -> FrameEmbeddings:
    """The frames of one split; the file has their number in place of times."""
    inputs = {name: golden.inputs[f"{side}_{name}"].numpy() for name in ("embeds", "labels")}
    lengths = golden.inputs[f"{side}_lengths"].numpy()
    first = lengths.cumsum() - lengths
    is_ego = golden.inputs[f"{side}_is_ego"].numpy()[first] > 0
    return FrameEmbeddings(
        clip_ids=tuple(map(str, range(len(lengths)))),
        views=tuple("ego" if value else "exo" for value in is_ego),
        lengths=lengths,
        vectors=inputs["embeds"],
        labels=inputs["labels"],
        times=np.concatenate([np.arange(float(length)) for length in lengths]),
    )


def _score_tasks(golden: GoldenFile, splits: dict[str, FrameEmbeddings]) -> dict[str, Any]:
    has_time = golden.metadata["phase_progression"]["time_column_added"]

    def measure(task: FrameTask, direction: FrameDirection, metric: str, side: str) -> float:
        score = score_frame_task(
            task,
            direction,
            splits["train"],
            splits[side],
            num_phases=max(int(split.labels.max()) for split in splits.values()) + 1,
            has_time_column=has_time,
            rng=np.random.default_rng(0),
        )
        value = score.metrics[metric]
        return value.value / (100 if value.unit == "%" else 1)

    def measure_directions(task: FrameTask, metric: str) -> dict[str, float]:
        return {way: measure(task, way, metric, "eval") for way in FRAME_DIRECTIONS}

    outputs: dict[str, Any] = {
        "classification_f1": measure_directions("phase", "phase_f1"),
        "retrieval_map10": measure_directions("frame-retrieval", "map_at_10"),
        "retrieval_map_at": {
            k: _measure_precisions(splits["eval"], int(k))
            for k in golden.metadata.get("retrieval_map_at", ())
        },
    }
    for name, task, metric in (
        ("phase_progression", "progression", "progression_r2"),
        ("kendall_tau", "alignment", "kendall_tau"),
    ):
        outputs[name] = {side: measure(task, "regular", metric, side) for side in SIDES}
    outputs["kendall_tau_by_view"] = {
        views: measure("alignment", DIRECTIONS_BY_VIEWS[views], "kendall_tau", "eval")
        if views in DIRECTIONS_BY_VIEWS
        else _measure_tau_of_view(splits["eval"], views[:3])
        for views in golden.metadata.get("kendall_tau_by_view", ())
    }
    return outputs


def _measure_precisions(frames: FrameEmbeddings, k: int) -> dict[str, float]:
    every = np.ones(len(frames.labels), bool)
    ways = {
        "regular": (every, every),
        "ego2exo": (frames.is_ego, ~frames.is_ego),
        "exo2ego": (~frames.is_ego, frames.is_ego),
    }
    return {
        way: rank_frames(frames, *sides, (k,)).precisions[k].mean() for way, sides in ways.items()
    }


def _measure_tau_of_view(frames: FrameEmbeddings, view: Any) -> float:
    selected = frames.select_view(view)
    score = score_frame_task(
        "alignment", "regular", selected, selected, num_phases=99, rng=np.random.default_rng(0)
    )
    return score.metrics["kendall_tau"].value


def _score_reference(golden: GoldenFile, splits: dict[str, FrameEmbeddings]) -> dict[str, Any]:
    train, test = splits["train"], splits["eval"]
    every = np.ones(len(train.labels), bool), np.ones(len(test.labels), bool)
    ways = {
        "regular": (*every, every[1]),
        "ego2exo": (train.is_ego, ~test.is_ego, test.is_ego),
        "exo2ego": (~train.is_ego, test.is_ego, ~test.is_ego),
    }
    outputs: dict[str, Any] = {"classification_f1": {}, "retrieval_map10": {}}
    for way, (fit, tested, asking) in ways.items():
        outputs["classification_f1"][way] = ae2.score_classification(
            train.vectors[fit], train.labels[fit], test.vectors[tested], test.labels[tested]
        )
        outputs["retrieval_map10"][way] = ae2.score_retrieval(
            test.vectors, test.labels, test.videos, queries=asking, gallery=tested
        )
    timed = [(side.vectors, side.labels, side.lengths) for side in (train, test)]
    outputs["kendall_tau"] = {
        name: ae2.compute_tau(side.vectors, side.lengths) for name, side in splits.items()
    }
    if golden.metadata["phase_progression"]["time_column_added"]:
        timed = [(ae2.append_time(value[0], value[2]), *value[1:]) for value in timed]
    outputs["phase_progression"] = dict(zip(SIDES, ae2.score_progression(*timed), strict=True))
    return outputs
