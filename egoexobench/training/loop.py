"""The training loop of every method and of every scorer with weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from egoexobench.device import DeviceConfig, autocast, make_grad_scaler
from egoexobench.errors import DataError, EgoExoBenchError
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.models.feature_inputs import FeatureInputs, embed_pairs
from egoexobench.models.seeding import seeded_rng
from egoexobench.part_results import find_loss_fault, require_valid
from egoexobench.protocols import Anchor, Objective, Progress
from egoexobench.training.batches import Batch, count_batches, draw_batches
from egoexobench.training.moments import PairMoments, find_moments
from egoexobench.training.optimizer import UncompiledAdamW
from egoexobench.training.training_metrics import TrainingMetrics
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


class OptimizerSettings(Protocol):
    """How long and how fast weights are trained."""

    @property
    def epochs(self) -> int:
        """Passes over the training pairs."""

    @property
    def lr(self) -> float:
        """The largest learning rate."""

    @property
    def weight_decay(self) -> float:
        """Of matrices."""

    @property
    def schedule(self) -> Literal["constant", "cosine"]:
        """How the learning rate changes."""


@dataclass(frozen=True, slots=True)
class TrainingTask:
    """What is trained, on which batches, by which loss, and how its epochs are compared."""

    stage: str
    """Its random numbers are drawn for this name, and the progress shows it."""
    module: nn.Module
    """Trained in place."""
    settings: OptimizerSettings
    num_steps: int
    """Batches of all epochs."""
    draw_epoch: Callable[[], Iterable[Batch]]
    """Returns the batches of the next epoch."""
    compute_loss: Callable[[Batch], Tensor]
    validation_metric: Callable[[], float]
    """Returns the value of the current module on the validation split; larger is better."""
    loss_module: nn.Module | None = None
    """Weights of the loss, trained too and not used afterwards."""


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
    loss_module = None
    if isinstance(training_set.objective, nn.Module):
        loss_module = training_set.objective.to(model.device_config.device)
    moments = find_moments(training_set.pairs)
    rng = torch.Generator().manual_seed(seed)
    task = TrainingTask(
        stage="train",
        module=model,
        settings=method,
        num_steps=count_steps(moments, method.batch_size, seed, method.epochs),
        draw_epoch=lambda: draw_batches(moments, method.batch_size, rng),
        compute_loss=lambda batch: _compute_loss(
            model, training_set, [training_set.pairs[index] for index in batch]
        ),
        validation_metric=validation_metric,
        loss_module=loss_module,
    )
    return train_epochs(task, seed, model.device_config, progress)


def count_steps(moments: PairMoments, batch_size: int, seed: int, num_epochs: int) -> int:
    """Return the number of batches of a training.

    Raises:
        DataError: if all pairs show one moment, so that there is no negative.
    """
    rng = torch.Generator().manual_seed(seed)
    num_steps = count_batches(moments, batch_size, rng, num_epochs)
    if not num_steps:
        raise DataError(
            f"all {len(moments.by_pair)} training pairs show one moment, so no pair is a "
            "negative of another one; training needs pairs of two moments"
        )
    return num_steps


def train_epochs(
    task: TrainingTask, seed: int, device_config: DeviceConfig, progress: Progress
) -> BestEpoch:
    """Train a module and leave it with the weights of its best epoch; the first one of equals."""
    module, settings = task.module, task.settings
    modules = [module] if task.loss_module is None else [module, task.loss_module]
    optimizer = UncompiledAdamW(
        _get_param_groups(modules, settings.weight_decay), lr=settings.lr, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _compute_lr_multiplier(step, task.num_steps, settings)
    )
    best, best_state = BestEpoch(0, -math.inf), dict[str, Tensor]()
    history: list[EpochResult] = []
    grad_scaler = make_grad_scaler(device_config)
    metrics = TrainingMetrics(progress, task.stage)
    with seeded_rng(seed, task.stage), progress.stage(task.stage, settings.epochs) as advance:
        for epoch in range(1, settings.epochs + 1):
            losses: list[Tensor] = []
            module.train()
            metrics.begin_epoch()
            for batch in task.draw_epoch():
                loss = task.compute_loss(batch)
                losses.append(loss.detach())
                lr = float(schedule.get_last_lr()[0])
                metrics.add_step(schedule.last_epoch + 1, losses[-1], lr, len(batch))
                optimizer.zero_grad(set_to_none=True)
                grad_scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
                grad_scaler.step(optimizer)
                grad_scaler.update()
                schedule.step()
            value = task.validation_metric()
            history.append(EpochResult(float(torch.stack(losses).double().mean()), value))
            if value > best.validation_value:
                best = BestEpoch(epoch, value)
                best_state = {name: value.clone() for name, value in module.state_dict().items()}
            metrics.end_epoch(schedule.last_epoch, epoch, *history[-1])
            advance(1, f"loss {history[-1].loss:.3g} val {value:.3g}")
    module.load_state_dict(best_state)
    module.eval()
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


def _compute_lr_multiplier(step: int, num_steps: int, settings: OptimizerSettings) -> float:
    if settings.schedule == "constant":
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
        "text_audio": ("text_audio", training_set.inputs.text_audio, texts),
    }
    return {
        role: bank.mean_std(ids)
        for role, (name, bank, ids) in sources.items()
        if bank is not None and role in model.projectors and model.frozen[name]
    }
