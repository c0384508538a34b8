"""The linear layer from an embedding to its class (paper, eqs. 13 and 14).

The paper trains it with cross-entropy and says neither how long nor with which weight decay. Here
the loss has one minimum, and the layer is that minimum: nothing depends on steps or seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from egoexobench.evaluation.metrics import Floats

if TYPE_CHECKING:
    from collections.abc import Sequence

STRENGTH = 1e-3
"""The L2 penalty where no validation split chooses one."""
GRID: tuple[float, ...] = (1e-1, 1e-2, 1e-3, 1e-4)
"""What a validation split chooses from, the strongest first."""
_STEPS = 2000


@dataclass(frozen=True, slots=True)
class Probe:
    """``logits = (x - center) / spread @ weight + bias``, all float64; ``strength`` is the penalty.

    ``weight (D, C)``, ``bias (C,)``, ``center (D,)`` and ``spread (D,)``.
    """

    weight: Tensor
    bias: Tensor
    center: Tensor
    spread: Tensor
    strength: float


def fit(
    train: Tensor, targets: Tensor, *, strength: float = STRENGTH, start: Probe | None = None
) -> Probe:
    """Return the layer with the least mean cross-entropy plus ``strength / 2 * |weight|^2``.

    Args:
        train: ``(N, D)``; each feature is centred and divided by its deviation.
        targets: ``(N, C)``, each row sums to 1; every class has items.
        strength: of the penalty, above 0; the bias has none.
        start: where the search begins; it ends at the same minimum from anywhere.
    """
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    wide, truth = train.detach().double(), targets.detach().double().numpy()
    center = wide.mean(0)
    spread = wide.std(0, correction=0)
    # A feature that never changes tells nothing; rounding must not blow it up.
    spread = torch.where(spread > 1e-9 * wide.abs().amax(0), spread, torch.inf)
    features = ((wide - center) / spread).numpy()
    first = (
        np.vstack([np.zeros((features.shape[1], truth.shape[1])), np.log(truth.mean(0) + 1e-12)])
        if start is None
        else np.vstack([start.weight.numpy(), start.bias.numpy()])
    )
    # one thread: a step is short, and threads that wait for each other make it 50 times longer
    # on a busy machine
    with threadpool_limits(1):
        found = minimize(
            _loss,
            first.ravel(),
            args=(features, truth, strength),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": _STEPS, "maxcor": 20, "ftol": 1e-15, "gtol": 1e-8},
        )
    layer = torch.from_numpy(found.x.reshape(first.shape))
    return Probe(layer[:-1], layer[-1], center, spread, strength)


def _loss(flat: Floats, features: Floats, targets: Floats, strength: float) -> tuple[float, Floats]:
    """Loss and gradient of a layer ``(D + 1, C)`` laid flat, the bias its last row."""
    layer = flat.reshape(-1, targets.shape[1])
    logits = features @ layer[:-1] + layer[-1]
    logits -= logits.max(1, keepdims=True)
    sums = np.exp(logits).sum(1, keepdims=True)
    entropy = -(targets * (logits - np.log(sums))).sum() / len(targets)
    wrong = (np.exp(logits) / sums - targets) / len(targets)  # (N, C)
    gradient = np.vstack([features.T @ wrong + strength * layer[:-1], wrong.sum(0)])
    return float(entropy + strength / 2 * (layer[:-1] ** 2).sum()), gradient.ravel()


def choose(
    train: Tensor,
    targets: Tensor,
    val: Tensor,
    val_targets: Tensor,
    *,
    grid: Sequence[float] = GRID,
) -> Probe:
    """Return the layer whose strength has the least cross-entropy on the validation split."""
    tried: list[Probe] = []
    for strength in grid:
        start = tried[-1] if tried else None
        tried.append(fit(train, targets, strength=strength, start=start))
    losses = [float(_entropy(predict(probe, val), val_targets.double())) for probe in tried]
    return tried[losses.index(min(losses))]


def predict(probe: Probe, features: Tensor) -> Tensor:
    """Return the logits ``(N, C)``, float64, of features ``(N, D)``."""
    return (features.double() - probe.center) / probe.spread @ probe.weight + probe.bias


def _entropy(logits: Tensor, targets: Tensor) -> Tensor:
    return -(targets * logits.log_softmax(1)).sum(1).mean()
