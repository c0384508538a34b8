"""The training loop of every method."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from egoexobench.device import autocast, make_grad_scaler
from egoexobench.errors import DataError, EgoExoBenchError
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.method import Method
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.models.feature_inputs import FeatureInputs, embed_pairs
from egoexobench.models.seeding import seeded_rng
from egoexobench.part_results import find_loss_fault, require_valid
from egoexobench.protocols import Anchor, Objective, Progress
from egoexobench.training.batches import count_batches, draw_batches
from egoexobench.training.moments import find_moments
from egoexobench.training.optimizer import UncompiledAdamW
from egoexobench.types import Pair

WARMUP_FRACTION = 0.05
"""Share of all steps in which the learning rate rises."""


class EpochResult(NamedTuple):
    """Mean loss over the batches of an epoch, and the value of the validation metric after it."""

    loss: float
    validation_value: float


@dataclass(frozen=True, slots=True)
class BestEpoch:
    """The epoch whose weights are used, from 1, and its value of the validation metric."""

    epoch: int
    validation_value: float
    history: tuple[EpochResult, ...] = ()
    """Every epoch of the training, the first one first."""


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The pairs, their features, the anchor that gives the targets, and the loss."""

    pairs: Sequence[Pair]
    inputs: FeatureInputs
    anchor: Anchor
    objective: Objective


def train_model(
    model: EmbeddingModel,
    training_set: TrainingSet,
    seed: int,
    validation_metric: Callable[[], float],
    progress: Progress,
) -> BestEpoch:
    """Train a model and leave it with the weights of its best epoch.

    Args:
        model: trained in place.
        training_set: the data, the anchor and the loss.
        seed: decides the order of the pairs and the random numbers of dropout.
        validation_metric: returns the value of the current model on the validation split; larger is
            better. The first of equal epochs is used.
        progress: shows the stage, one step an epoch.

    Raises:
        DataError: if all pairs show one moment, so that there is no negative.
        EgoExoBenchError: if the loss is NaN or infinite.
    """
    method = model.method
    model.set_normalization(_compute_token_statistics(model, training_set))
    modules: list[nn.Module] = [model]
    if isinstance(training_set.objective, nn.Module):
        modules.append(training_set.objective.to(model.device_config.device))
    moments = find_moments(training_set.pairs)
    num_steps = count_batches(
        moments, method.batch_size, torch.Generator().manual_seed(seed), method.epochs
    )
    if not num_steps:
        raise DataError(
            f"all {len(training_set.pairs)} training pairs show one moment, so no pair is a "
            "negative of another one; training needs pairs of two moments"
        )
    optimizer = UncompiledAdamW(
        _get_param_groups(modules, method.weight_decay), lr=method.lr, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _compute_lr_multiplier(step, num_steps, method)
    )
    shuffle_rng = torch.Generator().manual_seed(seed)
    best, best_state = BestEpoch(0, -math.inf), dict[str, Tensor]()
    history: list[EpochResult] = []
    grad_scaler = make_grad_scaler(model.device_config)
    with seeded_rng(seed, "train"), progress.stage("train", method.epochs) as advance:
        for epoch in range(1, method.epochs + 1):
            losses: list[Tensor] = []
            model.train()
            for indices in draw_batches(moments, method.batch_size, shuffle_rng):
                batch = [training_set.pairs[index] for index in indices]
                loss = _compute_loss(model, training_set, batch)
                losses.append(loss.detach())
                optimizer.zero_grad(set_to_none=True)
                grad_scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
                grad_scaler.step(optimizer)
                grad_scaler.update()
                schedule.step()
            value = validation_metric()
            history.append(EpochResult(float(torch.stack(losses).double().mean()), value))
            if value > best.validation_value:
                best = BestEpoch(epoch, value)
                best_state = {name: value.clone() for name, value in model.state_dict().items()}
            advance(1, f"loss {history[-1].loss:.3g} val {value:.3g}")
    model.load_state_dict(best_state)
    model.eval()
    return replace(best, history=tuple(history))


def _compute_loss(
    model: EmbeddingModel, training_set: TrainingSet, batch: Sequence[Pair]
) -> Tensor:
    with autocast(model.device_config):
        embedded = embed_pairs(model, training_set.inputs, batch, training_set.anchor)
    ego, exo, ego_target, exo_target = (vectors.float() for vectors in embedded)
    labels = [pair.labels for pair in batch]
    loss = training_set.objective(ego, exo, ego_target, exo_target, labels)
    require_valid(find_loss_fault(loss), model.labels["objective"])
    if not torch.isfinite(loss):
        raise EgoExoBenchError(
            f"the loss of {model.method.name} became {loss.item()}; try a smaller learning rate: "
            f"--set lr={model.method.lr / 10:g}"
        )
    return loss


def _compute_lr_multiplier(step: int, num_steps: int, method: Method) -> float:
    if method.schedule == "constant":
        return 1.0
    num_warmup = max(int(WARMUP_FRACTION * num_steps), 1)
    if step < num_warmup:
        return (step + 1) / num_warmup
    num_decay = max(num_steps - num_warmup, 1)
    return 0.5 * (1 + math.cos(math.pi * (step - num_warmup) / num_decay))


def _get_param_groups(modules: Sequence[nn.Module], decay: float) -> list[dict[str, Any]]:
    """Return the parameters in two groups: as in CLIP, only matrices have weight decay.

    So biases, norms and temperatures, with fewer than two dimensions, have none. The paper names
    AdamW and no rule; its release also excludes by dimension, and by names of norms and biases.
    """
    weights = [p for module in modules for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in weights if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in weights if p.ndim < 2], "weight_decay": 0.0},
    ]


def _compute_token_statistics(
    model: EmbeddingModel, training_set: TrainingSet
) -> dict[str, tuple[Tensor, Tensor]]:
    """Return mean and standard deviation of frozen tokens on the training pairs, by projector."""
    ego = [pair.ego.id for pair in training_set.pairs]
    exo = [pair.exo.id for pair in training_set.pairs]
    texts = [pair.id for pair in training_set.pairs]
    is_shared = model.method.share_view_weights and training_set.inputs.video_exo is None
    sources: dict[str, tuple[str, FeatureBank | None, list[str]]] = {
        "video-ego": (
            model.video_role["ego"],
            training_set.inputs.get_video_bank("ego"),
            ego + exo if is_shared else ego,
        ),
        "video-exo": (model.video_role["exo"], training_set.inputs.get_video_bank("exo"), exo),
        "audio": ("audio", training_set.inputs.audio, ego + exo),
        "text": ("text", training_set.inputs.narration, texts),
    }
    return {
        role: bank.mean_std(ids)
        for role, (name, bank, ids) in sources.items()
        if bank is not None and role in model.projectors and model.frozen[name]
    }
