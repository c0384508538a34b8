"""Objectives on token sequences: their values, gradients and tables."""

from collections.abc import Callable

import torch
from golden_file import GoldenFile
from torch import Tensor

from egoexobench.toolbox.soft_dtw import compute_soft_dtw
from egoexobench.types import VIEWS, ClipLabels, PairLabels, PairSequences, Tokens
from egoexobench_plugins.sequence_objectives import (
    dtw,
    dtw_consistency,
    dtw_contrastive,
    tcc,
    vava,
)
from egoexobench_plugins.sequence_objectives.order_contrast import OrderLoss, take_half
from egoexobench_plugins.sequence_objectives.warped_cost import compute_frame_costs

HALVES = {"": None, "_first_half": False, "_second_half": True}
"""Suffix of the name to the half of the positions that a cyclic action takes."""


def compute_losses(golden: GoldenFile) -> dict[str, Tensor]:
    """Five losses, the outcomes of the coin, and what the tables of the first pair contain."""
    config = golden.config
    warping = {
        "scale": config["scale_factor"],
        "temperature": config["gamma_cost"],
        "softness": config["gamma_softmin"],
    }
    objectives = {
        "dtw": dtw(**warping),
        "dtw_consistency": dtw_consistency(**warping, smoothing=config["label_smoothing"]),
        "tcc": tcc(temperature=config["tcc_temperature"]),
        "vava": vava(),
    }
    outputs: dict[str, Tensor] = {}
    pairs = _make_pairs(len(golden.inputs["embeddings"]))
    for name, objective in objectives.items():
        outputs |= _compute_gradient(
            golden, name, lambda batch, part=objective: part.compare_sequences(batch, pairs)
        )
    for suffix in HALVES:
        outputs |= _compute_contrast(golden, suffix, warping)
    return outputs | _compute_tables(golden)


def _compute_contrast(
    golden: GoldenFile, suffix: str, warping: dict[str, float]
) -> dict[str, Tensor]:
    config, half = golden.config, HALVES[suffix]
    objective = dtw_contrastive(**warping, ratio=config["ratio"], margin=config["margin"])
    ego_positions, exo_positions = (
        [
            row if half is None else take_half(row, second=half)
            for row in golden.inputs["pos_indices"][:, view].tolist()
        ]
        for view in range(len(VIEWS))
    )
    losses: list[OrderLoss] = []

    def compare(batch: PairSequences) -> Tensor:
        loss = objective.compare_orders(
            batch.ego, batch.exo, ego_positions=ego_positions, exo_positions=exo_positions
        )
        losses.append(loss)
        return loss.total

    name = f"dtw_contrastive{suffix}"
    outputs = _compute_gradient(golden, name, compare)
    return outputs | {f"{name}.regulariser": losses[0].regularizer.detach()}


def _compute_gradient(
    golden: GoldenFile, name: str, compare: Callable[[PairSequences], Tensor]
) -> dict[str, Tensor]:
    embeddings = golden.inputs["embeddings"].clone().requires_grad_()
    loss = compare(_make_sequences(golden, embeddings))
    loss.backward()
    return {f"{name}.loss": loss.detach(), f"{name}.grad_embeddings": embeddings.grad}


def _make_sequences(golden: GoldenFile, embeddings: Tensor) -> PairSequences:
    mask = torch.ones(embeddings.shape[0], embeddings.shape[2], dtype=torch.bool)
    (ego, exo), (ego_times, exo_times) = (
        golden_values.unbind(1) for golden_values in (embeddings, golden.inputs["steps"].float())
    )
    durations = golden.inputs["seq_lens"].float()
    return PairSequences(
        ego=Tokens(ego, mask),
        exo=Tokens(exo, mask),
        ego_times=ego_times,
        exo_times=exo_times,
        ego_durations=durations[:, 0],
        exo_durations=durations[:, 1],
        num_steps=int(golden.inputs["global_step"]),
    )


def _compute_tables(golden: GoldenFile) -> dict[str, Tensor]:
    config = golden.config
    sequences = _make_sequences(golden, golden.inputs["embeddings"][:1])
    costs = compute_frame_costs(sequences.ego, sequences.exo, config["gamma_cost"])
    softness = config["gamma_softmin"]
    return {
        "cost_first_pair": costs[0],
        "table_first_pair": compute_soft_dtw(costs, softness)[0],
        "table_first_pair.dtw_minGamma": compute_soft_dtw(costs, softness, "log-sum-exp")[0],
        "table_first_pair.non-diff": compute_soft_dtw(costs, softness, "hard")[0],
    }


def _make_pairs(count: int) -> list[PairLabels]:
    clip = ClipLabels(id="", narration="", verbs=(), nouns=())
    return [PairLabels(str(index), clip, clip, "") for index in range(count)]
