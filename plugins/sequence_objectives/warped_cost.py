"""The cost of a soft alignment of two sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from egoexobench.toolbox.soft_dtw import SoftMinimum, compute_soft_dtw
from egoexobench.types import PairLabels, PairSequences, Tokens


@final
@dataclass(frozen=True, slots=True)
class WarpedCost:
    """Objective `dtw`; the options are those of the factory."""

    scale: float
    temperature: float
    softness: float
    minimum: SoftMinimum

    def compare_sequences(self, sequences: PairSequences, pairs: Sequence[PairLabels]) -> Tensor:
        """Return the mean cost of the pairs."""
        del pairs
        return self.compute_costs(sequences.ego, sequences.exo).mean()

    def compute_costs(self, rows: Tokens, columns: Tokens) -> Tensor:
        """Return the scaled cost of each pair of sequences, ``(B,)``."""
        return self.scale * get_last_cells(self.compute_tables(rows, columns), rows, columns)

    def compute_tables(self, rows: Tokens, columns: Tokens) -> Tensor:
        """Return the soft tables ``(B, N, M)``."""
        costs = compute_frame_costs(rows, columns, self.temperature)
        return compute_soft_dtw(costs, self.softness, self.minimum)


def compute_frame_costs(rows: Tokens, columns: Tokens, temperature: float) -> Tensor:
    """Return ``-log softmax(dot product / temperature)`` over the rows, ``(B, N, M)``.

    The cost of padding is 0.
    """
    padding = ~rows.mask[:, :, None]
    products = rows.values @ columns.values.transpose(1, 2) / temperature
    costs = -torch.log_softmax(products.masked_fill(padding, -torch.inf), dim=1)
    return costs.masked_fill(padding, 0.0)


def get_last_cells(tables: Tensor, rows: Tokens, columns: Tokens) -> Tensor:
    """Return the cell of the last frames of each pair, ``(B,)``."""
    batch = torch.arange(len(tables), device=tables.device)
    return tables[batch, rows.mask.sum(1) - 1, columns.mask.sum(1) - 1]
