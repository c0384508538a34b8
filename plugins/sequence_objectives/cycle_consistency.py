"""Cycle consistency of soft alignments in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from egoexobench.types import PairLabels, PairSequences, Tokens
from egoexobench_plugins.sequence_objectives.warped_cost import WarpedCost, get_last_cells


@final
@dataclass(frozen=True, slots=True)
class CycleConsistency:
    """Objective `dtw-consistency`; the options are those of the factory."""

    cost: WarpedCost
    smoothing: float
    warping: float

    def compare_sequences(self, sequences: PairSequences, pairs: Sequence[PairLabels]) -> Tensor:
        """Return the cross-entropy of the cycles plus the costs of both directions."""
        del pairs
        ego, exo = sequences.ego, sequences.exo
        forth = self.cost.compute_tables(ego, exo)  # (B, N, M)
        back = self.cost.compute_tables(exo, ego)  # (B, M, N)
        cycles = _compute_shares(forth, ego, exo) @ _compute_shares(back, exo, ego)  # (B, N, N)
        entropy = self._compute_cross_entropy(cycles.transpose(1, 2), ego.mask)
        ends = get_last_cells(forth, ego, exo).mean() + get_last_cells(back, exo, ego).mean()
        return self.cost.scale * (entropy + self.warping * ends)

    def _compute_cross_entropy(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Return the mean over real rows ``(B, N)`` against the identity, with smoothed labels."""
        is_class = mask[:, None, :]
        log_shares = torch.log_softmax(logits.masked_fill(~is_class, -torch.inf), 2)
        log_shares = log_shares.masked_fill(~is_class, 0.0)
        uniform = log_shares.sum(2) / mask.sum(1, keepdim=True)
        own = log_shares.diagonal(dim1=1, dim2=2)
        rows = (1 - self.smoothing) * own + self.smoothing * uniform
        return -rows[mask].mean()


def _compute_shares(table: Tensor, rows: Tokens, columns: Tokens) -> Tensor:
    """Return the softmax of the negative table over real rows; columns of padding are 0."""
    shares = torch.softmax((-table).masked_fill(~rows.mask[:, :, None], -torch.inf), 1)
    return shares * columns.mask[:, None, :]
