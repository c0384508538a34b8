"""Optimal transport between two videos with a virtual frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, final

import torch
from torch import Tensor

from egoexobench.types import PairLabels, PairSequences

ORDER_WEIGHT, PRIOR_WEIGHT = 1.0, 0.1
"""Weights of the temporal structure and of the distance to the prior; they grow with lengths."""
PRIOR_WIDTH = 2.0
"""Standard deviation of the prior, in cells."""
VIRTUAL_GAP = 1.5 * 2.0 * 5.0
"""Distance of the virtual frame from others, times the number of frames of both videos."""
PRIOR_DECAY, MIN_DIAGONAL = 0.999, 0.001
"""How the weight of the diagonal falls with the root of the step, and where it ends."""
MIN_KERNEL, MAX_KERNEL = 1e-15, 1e20
LAST_TEMPERATURE, LAST_WEIGHT = 0.5, 1e-4
"""Of the last term, which has no gradient."""


class _TransportPlan(NamedTuple):
    """Cost of a transport, and how well each frame fits each other one, ``(N, M)``."""

    cost: Tensor
    fits: Tensor


@final
@dataclass(frozen=True, slots=True)
class OptimalTransport:
    """Objective `vava`; the options are those of the factory."""

    num_iterations: int
    virtual_cost: float
    window: float
    margin: float
    counts_steps: bool

    def compare_sequences(self, sequences: PairSequences, pairs: Sequence[PairLabels]) -> Tensor:
        """Return the mean over the pairs."""
        num_steps = sequences.num_steps if self.counts_steps else 0
        losses = []
        for row in range(len(pairs)):
            ego, exo = (
                tokens.values[row][tokens.mask[row]] for tokens in (sequences.ego, sequences.exo)
            )
            losses.append(self._compare_videos(ego, exo, num_steps))
        return torch.stack(losses).mean()

    def _compare_videos(self, ego: Tensor, exo: Tensor, num_steps: int) -> Tensor:
        contrast = 0.5 * (self._compute_contrast(ego) + self._compute_contrast(exo))
        plan = self._compute_plan(ego, exo, num_steps)
        cost = plan.cost / (len(ego) * len(exo))
        return contrast + cost + LAST_WEIGHT * _compare_extremes(ego, exo, plan.fits)

    def _compute_contrast(self, frames: Tensor) -> Tensor:
        """Return the mean that is small if near frames are alike and far ones are not."""
        differences = ((frames[:, None] - frames) ** 2).mean(2)
        order = torch.arange(len(frames), device=frames.device)
        distances = (order[:, None] - order).abs()
        far = (self.margin - differences).clamp(min=0)
        near = differences / (distances**2 + 1.0)
        return torch.where(distances > self.window, far, near).mean()

    def _compute_plan(self, ego: Tensor, exo: Tensor, num_steps: int) -> _TransportPlan:
        costs = (ego**2).sum(1, keepdim=True) + (exo**2).sum(1) - 2.0 * ego @ exo.T
        costs = torch.nn.functional.pad(costs, (1, 0, 1, 0), value=self.virtual_cost)
        nearest = ((ego[:, None] - exo) ** 2).mean(2).argmin(1)
        log_kernel = _compute_log_prior(nearest, len(exo), num_steps)
        log_kernel = log_kernel - costs / (PRIOR_WEIGHT * len(ego) * len(exo) / 4.0)
        log_kernel = log_kernel.clamp(math.log(MIN_KERNEL), math.log(MAX_KERNEL))
        log_plan = _compute_log_plan(log_kernel, self.num_iterations)
        fits = (log_kernel.detach().exp() * costs.detach())[1:, 1:]
        return _TransportPlan((log_plan.exp() * costs).sum() / costs.numel(), fits)


def _compute_log_prior(nearest: Tensor, num_columns: int, num_steps: int) -> Tensor:
    """Return the logarithm of the prior with its temporal structure, ``(N + 1, M + 1)``.

    Args:
        nearest: index of the nearest frame for each of N frames.
        num_columns: M.
        num_steps: training steps that were done.
    """
    num_rows = len(nearest)
    rows = torch.arange(1, num_rows + 2, device=nearest.device) / (num_rows + 1)
    columns = torch.arange(1, num_columns + 2, device=nearest.device) / (num_columns + 1)
    # the release counts frames from 1 and the virtual one as well, and adds 1 once
    targets = torch.nn.functional.pad(nearest, (1, 0)) + 1.0
    off_diagonal = (rows[:, None] - columns).abs()
    off_nearest = (columns - targets[:, None] / (num_columns + 1)).abs()
    is_virtual = torch.zeros_like(off_diagonal, dtype=torch.bool)
    is_virtual[0, 1:] = is_virtual[1:, 0] = True
    gap = VIRTUAL_GAP / (num_rows + num_columns + 2)
    off_diagonal = off_diagonal.masked_fill(is_virtual, gap)
    off_nearest = off_nearest.masked_fill(is_virtual, gap)
    share = max(PRIOR_DECAY ** int(math.sqrt(num_steps + 1)), MIN_DIAGONAL)
    width = PRIOR_WIDTH * math.hypot(1 / (num_rows + 1), 1 / (num_columns + 1))
    density = torch.logaddexp(
        math.log(share) - (off_diagonal / width) ** 2 / 2,
        math.log1p(-share) - (off_nearest / width) ** 2 / 2,
    ) - math.log(PRIOR_WIDTH * math.sqrt(2 * math.pi))
    structure = share / (off_diagonal**2 + 1) + (1 - share) / (off_nearest**2 + 1)
    weight = ORDER_WEIGHT * (num_rows + num_columns)
    return density + weight * structure / (PRIOR_WEIGHT * num_rows * num_columns / 4.0)


def _compute_log_plan(log_kernel: Tensor, num_iterations: int) -> Tensor:
    """Return the logarithm of the plan with uniform marginals, by Sinkhorn's iterations.

    They are computed with logarithms, so that no kernel overflows.
    """
    num_rows, num_columns = log_kernel.shape
    row_scales = log_kernel.new_full((num_rows,), -math.log(num_rows))
    for _ in range(num_iterations + 1):
        column_scales = -math.log(num_columns) - (log_kernel + row_scales[:, None]).logsumexp(0)
        row_scales = -math.log(num_rows) - (log_kernel + column_scales).logsumexp(1)
    return log_kernel + row_scales[:, None] + column_scales


def _compare_extremes(ego: Tensor, exo: Tensor, fits: Tensor) -> Tensor:
    """Return the last term of the release, without gradients.

    It takes the distances to the best and to the worst fit as labels of the logits 0 and 1.
    """
    with torch.no_grad():
        best, worst = (
            ((ego - exo[by_row]) ** 2).mean() + ((exo - ego[by_column]) ** 2).mean()
            for by_row, by_column in (
                (fits.argmax(1), fits.argmax(0)),
                (fits.argmin(1), fits.argmin(0)),
            )
        )
        labels = torch.stack([best, worst]) / LAST_TEMPERATURE
        return -(labels * torch.log_softmax(labels.new_tensor([0.0, 1.0]), 0)).sum()
