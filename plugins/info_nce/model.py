"""The loss of SoundBridge, eqs. 11-12, and of CLIP."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from egoexobench.types import Pair

CEILING = math.log(100.0)
"""Largest log of the inverse temperature, as in CLIP."""


@final
class InfoNCE(nn.Module):
    """Options as in the factory."""

    def __init__(self, temperature: float, learn: bool, others: bool, symmetric: bool) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)), requires_grad=learn)
        self.others = others
        self.symmetric = symmetric

    def forward(
        self,
        ego: Tensor,
        exo: Tensor,
        ego_target: Tensor,
        exo_target: Tensor,
        pairs: Sequence[Pair],
    ) -> Tensor:
        """Embeddings ``(B, D)`` of unit length to the sum of both views' losses."""
        del pairs
        return self._view(ego, ego_target) + self._view(exo, exo_target)

    def _view(self, video: Tensor, target: Tensor) -> Tensor:
        scores = self.log_scale.clamp(max=CEILING).exp() * video @ target.T  # (B, B)
        loss = self._rows(scores)
        return (loss + self._rows(scores.T)) / 2 if self.symmetric else loss

    def _rows(self, scores: Tensor) -> Tensor:
        right = scores.diagonal()
        if self.others:
            own = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
            scores = scores.masked_fill(own, -torch.inf)
        return (scores.logsumexp(1) - right).mean()
