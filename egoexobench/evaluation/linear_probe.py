"""The linear layer from an embedding to its class (paper, eqs. 13 and 14).

The paper trains it with cross-entropy and does not state the number of steps or the weight decay.
Here the loss has one minimum, and the layer is that minimum: it does not depend on steps or seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from egoexobench.evaluation.arrays import Floats, Vectors, to_tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from threadpoolctl import ThreadpoolController

DEFAULT_L2 = 1e-3
"""The L2 penalty if no validation split selects one."""
L2_GRID: tuple[float, ...] = (1e-1, 1e-2, 1e-3, 1e-4)
"""Penalties that a validation split selects from, the strongest first."""
MAX_STEPS = 2000


@dataclass(frozen=True, slots=True)
class LinearProbe:
    """``logits = (x - mean) / std @ weight + bias``, all float64.

    ``weight (D, C)``, ``bias (C,)``, ``mean (D,)`` and ``std (D,)``; ``l2`` is the penalty.
    """

    weight: Tensor
    bias: Tensor
    mean: Tensor
    std: Tensor
    l2: float


def fit_linear_probe(
    train: Vectors, targets: Vectors, *, l2: float = DEFAULT_L2, start: LinearProbe | None = None
) -> LinearProbe:
    """Return the layer with the least mean cross-entropy plus ``l2 / 2 * |weight|^2``.

    Args:
        train: ``(N, D)``; each feature is centered and divided by its standard deviation.
        targets: ``(N, C)``, each row sums to 1; every class has items.
        l2: the penalty, above 0; the bias has none.
        start: the first layer of the search; the minimum does not depend on it.

    >>> probe = fit_linear_probe(np.array([[-1.0], [1.0]]), np.eye(2))
    >>> predict_logits(probe, np.array([[-1.0], [1.0]])).argmax(1)
    tensor([0, 1])
    """
    return _fit_standardized(_standardize(train), targets, l2=l2, start=start)


def fit_with_validation(
    train: Vectors,
    targets: Vectors,
    val: Vectors,
    val_targets: Vectors,
    *,
    grid: Sequence[float] = L2_GRID,
) -> LinearProbe:
    """Return the layer whose penalty has the least cross-entropy on the validation split.

    >>> train, targets = np.array([[-1.0], [1.0]]), np.eye(2)
    >>> fit_with_validation(train, targets, train, targets).l2
    0.0001
    """
    features = _standardize(train)
    probes: list[LinearProbe] = []
    for l2 in grid:
        start = probes[-1] if probes else None
        probes.append(_fit_standardized(features, targets, l2=l2, start=start))
    truth = to_tensor(val_targets).double()
    losses = [float(_cross_entropy(predict_logits(probe, val), truth)) for probe in probes]
    return probes[losses.index(min(losses))]


def predict_logits(probe: LinearProbe, features: Vectors) -> Tensor:
    """Return the logits ``(N, C)``, float64, of features ``(N, D)``."""
    return (to_tensor(features).double() - probe.mean) / probe.std @ probe.weight + probe.bias


@dataclass(frozen=True, slots=True)
class _StandardizedFeatures:
    """Centered features with a deviation of 1, rotated if there are fewer items than features."""

    values: Floats
    basis: Floats | None
    mean: Tensor
    std: Tensor


def _standardize(train: Vectors) -> _StandardizedFeatures:
    wide = to_tensor(train).detach().double()
    mean, std = wide.mean(0), wide.std(0, correction=0)
    # A constant feature carries no information; rounding must not blow it up.
    std = torch.where(std > 1e-9 * wide.abs().amax(0), std, torch.inf)
    with _find_thread_pools().limit(limits=1):
        values, basis = _rotate_features(((wide - mean) / std).numpy())
    return _StandardizedFeatures(values, basis, mean=mean, std=std)


def _fit_standardized(
    train: _StandardizedFeatures, targets: Vectors, *, l2: float, start: LinearProbe | None
) -> LinearProbe:
    from scipy.optimize import minimize

    truth = to_tensor(targets).detach().double().numpy()
    # One thread: a step is short, and threads that wait for each other make it 50 times slower
    # on a busy machine.
    with _find_thread_pools().limit(limits=1):
        first = (
            np.vstack(
                [np.zeros((train.values.shape[1], truth.shape[1])), np.log(truth.mean(0) + 1e-12)]
            )
            if start is None
            else np.vstack([_rotate_weight(start.weight.numpy(), train.basis), start.bias.numpy()])
        )
        minimum = minimize(
            _compute_loss,
            first.ravel(),
            args=(train.values, truth, l2),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": MAX_STEPS, "maxcor": 20, "ftol": 1e-15, "gtol": 1e-8},
        )
        layer = minimum.x.reshape(first.shape)
        weight = layer[:-1] if train.basis is None else train.basis @ layer[:-1]
    bias = torch.from_numpy(layer[-1])
    return LinearProbe(torch.from_numpy(weight), bias, mean=train.mean, std=train.std, l2=l2)


@cache
def _find_thread_pools() -> ThreadpoolController:
    """The thread pools of the loaded libraries; to look for them takes as long as a fit."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _rotate_features(features: Floats) -> tuple[Floats, Floats | None]:
    """Return features ``(N, N)`` and a basis ``(D, N)`` if there are fewer items than features.

    The penalty leaves no weight outside of the space that the items span, and a rotation changes
    neither the loss nor the length of a weight, so the minimum is the same.
    """
    num_items, num_features = features.shape
    if num_items >= num_features:
        return features, None
    basis, factor = np.linalg.qr(features.T)
    return np.ascontiguousarray(factor.T), basis


def _rotate_weight(weight: Floats, basis: Floats | None) -> Floats:
    return weight if basis is None else np.asarray(basis.T @ weight)


def _compute_loss(
    flat: Floats, features: Floats, targets: Floats, l2: float
) -> tuple[float, Floats]:
    """Loss and gradient of a flattened layer ``(D + 1, C)``; the last row is the bias."""
    layer = flat.reshape(-1, targets.shape[1])
    logits = features @ layer[:-1] + layer[-1]
    logits -= logits.max(1, keepdims=True)
    exponentials = np.exp(logits)
    sums = exponentials.sum(1, keepdims=True)
    entropy = -(targets * (logits - np.log(sums))).sum() / len(targets)
    errors = (exponentials / sums - targets) / len(targets)  # (N, C)
    gradient = np.vstack([features.T @ errors + l2 * layer[:-1], errors.sum(0)])
    return float(entropy + l2 / 2 * (layer[:-1] ** 2).sum()), gradient.ravel()


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    return -(targets * logits.log_softmax(1)).sum(1).mean()
