"""The contrast of two videos by the means of their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from egoexobench.toolbox.layers import masked_mean
from egoexobench.types import PairLabels, PairSequences


@final
@dataclass(frozen=True, slots=True)
class PooledContrast:
    """Objective `mean-info-nce`; the options are those of the factory."""

    temperature: float

    def compare_sequences(self, sequences: PairSequences, pairs: Sequence[PairLabels]) -> Tensor:
        """Return the mean of both directions."""
        del pairs
        ego, exo = (
            normalize(masked_mean(tokens), dim=-1) for tokens in (sequences.ego, sequences.exo)
        )
        logits = ego @ exo.T / self.temperature  # (B, B)
        own = torch.arange(len(logits), device=logits.device)
        return (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2
