"""Temporal cycle-consistency as a regression of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from egoexobench.types import PairLabels, PairSequences, Tokens

MIN_SQUARE = 1e-30
"""Least variance and squared distance in time, so that gradients are finite."""


@final
@dataclass(frozen=True, slots=True)
class TimeRegression:
    """Objective `tcc`; the options are those of the factory."""

    temperature: float
    variance_weight: float

    def compare_sequences(self, sequences: PairSequences, pairs: Sequence[PairLabels]) -> Tensor:
        """Return the mean over the ego frames of the batch."""
        del pairs
        ego, exo = sequences.ego, sequences.exo
        neighbors = torch.softmax(self._compare(ego.values, exo), 2) @ exo.values  # (B, N, D)
        log_shares = torch.log_softmax(self._compare(neighbors, ego), 2)  # (B, N, N)
        durations = sequences.ego_durations[:, None].clamp(min=MIN_SQUARE)
        times = (sequences.ego_times / durations).masked_fill(~ego.mask, 0.0)
        # relative to the true time, which loses no digits where the return is nearly right
        gaps = times[:, None, :] - times[:, :, None]
        error = (log_shares.exp() * gaps).sum(2, keepdim=True)
        log_variance = _compute_log_mean(log_shares, gaps - error)
        squares = error.squeeze(2) ** 2 * torch.exp(-log_variance)
        return (squares + self.variance_weight * log_variance)[ego.mask].mean()

    def _compare(self, rows: Tensor, columns: Tokens) -> Tensor:
        """Return the negative squared distances / D / temperature; minus infinity for padding."""
        squares = (rows**2).sum(2)[:, :, None] + (columns.values**2).sum(2)[:, None, :]
        distances = (squares - 2 * rows @ columns.values.transpose(1, 2)).clamp(min=0)
        logits = -distances / rows.shape[2] / self.temperature
        return logits.masked_fill(~columns.mask[:, None, :], -torch.inf)


def _compute_log_mean(log_shares: Tensor, gaps: Tensor) -> Tensor:
    """Return the logarithm of the mean of squares, ``(B, N)``."""
    log_squares = torch.log((gaps**2).clamp(min=MIN_SQUARE))
    floor = torch.tensor(MIN_SQUARE, device=gaps.device).log()
    return (log_shares + log_squares).logsumexp(2).maximum(floor)
