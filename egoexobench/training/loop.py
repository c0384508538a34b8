"""The only training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp import GradScaler

from egoexobench.compute import mixed, scaler
from egoexobench.errors import EgoExoBenchError
from egoexobench.features.feature_bank import Bank
from egoexobench.interfaces import Anchor, Objective, Progress
from egoexobench.method import Method
from egoexobench.models.embedding_model import Model, seeded
from egoexobench.models.feature_inputs import Inputs, embed_pairs
from egoexobench.values import Pair

WARM = 0.05
"""Share of all steps over which the learning rate rises."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The epoch whose weights were kept, from 1, and its value of the criterion."""

    epoch: int
    value: float


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is trained on: pairs, what the model is fed, target and loss."""

    pairs: Sequence[Pair]
    inputs: Inputs
    anchor: Anchor
    objective: Objective


def fit(
    model: Model,
    lesson: Lesson,
    seed: int,
    criterion: Callable[[], float],
    progress: Progress,
) -> Chosen:
    """Train a model and leave it with the weights of its best epoch.

    Args:
        model: trained in place.
        lesson: what is trained on.
        seed: decides the order of pairs and what dropout drops.
        criterion: value of the model as it stands, on the validation split; larger is better.
            The first of equal epochs is kept.
        progress: shows the stage, a step an epoch.

    Raises:
        EgoExoBenchError: if the loss is not a number.
    """
    method = model.method
    model.standardise(_moments(model, lesson))
    modules: list[nn.Module] = [model]
    if isinstance(lesson.objective, nn.Module):
        modules.append(lesson.objective.to(model.compute.device))
    steps = method.epochs * math.ceil(len(lesson.pairs) / method.batch)
    optimiser = torch.optim.AdamW(_groups(modules, method.weight_decay), lr=method.lr, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps, method))
    order = torch.Generator().manual_seed(seed)
    best, kept = Chosen(0, -math.inf), dict[str, Tensor]()
    scale = scaler(model.compute)
    with seeded(seed, "train"), progress.stage("train", method.epochs) as advance:
        for epoch in range(1, method.epochs + 1):
            model.train()
            for batch in _batches(lesson.pairs, method.batch, order):
                _step(model, lesson, batch, optimiser, scale)
                schedule.step()
            value = criterion()
            if value > best.value:
                best = Chosen(epoch, value)
                kept = {name: one.clone() for name, one in model.state_dict().items()}
            advance(1)
    model.load_state_dict(kept)
    model.eval()
    return best


def _step(
    model: Model,
    lesson: Lesson,
    batch: Sequence[Pair],
    optimiser: torch.optim.Optimizer,
    scale: GradScaler,
) -> None:
    with mixed(model.compute):
        embedded = embed_pairs(model, lesson.inputs, batch, lesson.anchor)
    ego, exo, ego_target, exo_target = (one.float() for one in embedded)
    loss = lesson.objective(ego, exo, ego_target, exo_target, batch)
    if not torch.isfinite(loss):
        raise EgoExoBenchError(
            f"the loss of {model.method.name} became {loss.item()}; try a smaller --set lr="
        )
    optimiser.zero_grad(set_to_none=True)
    scale.scale(loss).backward()  # type: ignore[no-untyped-call]
    scale.step(optimiser)
    scale.update()


def _batches(pairs: Sequence[Pair], size: int, order: torch.Generator) -> Iterator[Sequence[Pair]]:
    places = torch.randperm(len(pairs), generator=order).tolist()
    for start in range(0, len(places), size):
        chosen = places[start : start + size]
        if len(chosen) > 1:  # a contrast needs another pair
            yield [pairs[i] for i in chosen]


def _rate(step: int, steps: int, method: Method) -> float:
    if method.schedule == "constant":
        return 1.0
    warm = max(int(WARM * steps), 1)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(steps - warm, 1)))


def _groups(modules: Sequence[nn.Module], decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices only, as in CLIP: not for biases, norms and temperatures."""
    weights = [p for module in modules for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in weights if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in weights if p.ndim < 2], "weight_decay": 0.0},
    ]


def _moments(model: Model, lesson: Lesson) -> dict[str, tuple[Tensor, Tensor]]:
    """Mean and deviation of frozen tokens on the training pairs, by trunk."""
    ego = [pair.ego.id for pair in lesson.pairs]
    exo = [pair.exo.id for pair in lesson.pairs]
    texts = [pair.id for pair in lesson.pairs]
    both = not model.method.view_weights and lesson.inputs.video_exo is None
    sources: dict[str, tuple[str, Bank | None, list[str]]] = {
        "video-ego": ("video", lesson.inputs.video, ego + exo if both else ego),
        "video-exo": (model.eyes["exo"], lesson.inputs.pictures("exo"), exo),
        "audio": ("audio", lesson.inputs.audio, ego + exo),
        "text": ("text", lesson.inputs.narration, texts),
    }
    return {
        role: bank.moments(ids)
        for role, (name, bank, ids) in sources.items()
        if bank is not None and role in model.trunks and model.frozen[name]
    }
