"""The loss of SoundBridge, eqs. 11-12, and of CLIP."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from egoexobench.types import PairLabels

MAX_LOG_SCALE = math.log(100.0)
"""Largest logarithm of the inverse temperature, as in CLIP."""


@final
class InfoNCE(nn.Module):
    """InfoNCE for both views; ``exclude_positive`` leaves it out of the denominator."""

    def __init__(
        self, temperature: float, learn: bool, *, exclude_positive: bool, symmetric: bool
    ) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)), requires_grad=learn)
        self.exclude_positive = exclude_positive
        self.symmetric = symmetric

    def forward(
        self,
        ego: Tensor,
        exo: Tensor,
        ego_target: Tensor,
        exo_target: Tensor,
        pairs: Sequence[PairLabels],
    ) -> Tensor:
        """Return the sum of both views' losses for embeddings ``(B, D)`` of unit length."""
        del pairs
        return self._view_loss(ego, ego_target) + self._view_loss(exo, exo_target)

    def _view_loss(self, video: Tensor, target: Tensor) -> Tensor:
        scores = self.log_scale.clamp(max=MAX_LOG_SCALE).exp() * video @ target.T  # (B, B)
        loss = self._row_loss(scores)
        return (loss + self._row_loss(scores.T)) / 2 if self.symmetric else loss

    def _row_loss(self, scores: Tensor) -> Tensor:
        positives = scores.diagonal()
        if self.exclude_positive:
            diagonal = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
            scores = scores.masked_fill(diagonal, -torch.inf)
        return (scores.logsumexp(1) - positives).mean()
