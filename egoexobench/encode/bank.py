"""Encoder output in memory, given out as padded batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
import torch
from torch import Tensor

from egoexobench.encode.store import Item
from egoexobench.values import Tokens


@final
class Bank:
    """Rows of many items.

    Args:
        ids: one per item.
        items: their rows; an item without rows gives a row of padding, masked.
    """

    def __init__(self, ids: Sequence[str], items: Sequence[Item]) -> None:
        self.row = {name: i for i, name in enumerate(ids)}
        self.states = [item.state for item in items]
        present = [item.rows for item in items if len(item.rows)]
        shape = present[0].shape[1:] if present else (1,)
        # one row of zeros at the end is what padding points at; it is always masked
        padding = np.zeros((1, *shape), present[0].dtype if present else np.float32)
        self.rows = torch.from_numpy(np.concatenate([*present, padding]))
        self.lengths = torch.tensor([len(item.rows) for item in items])
        self.starts = torch.cumsum(self.lengths, 0) - self.lengths

    def present(self, name: str) -> bool:
        """Whether the item has any row."""
        return bool(self.lengths[self.row[name]] > 0)

    def batch(self, ids: Sequence[str]) -> Tokens:
        """The rows ``(B, T, ...)`` of some items, padded to the longest, and their mask."""
        index = torch.tensor([self.row[name] for name in ids])
        lengths = self.lengths[index]
        steps = torch.arange(max(int(lengths.max()), 1))
        mask = steps < lengths[:, None]
        places = torch.where(mask, self.starts[index][:, None] + steps, len(self.rows) - 1)
        return Tokens(self.rows[places].float(), mask)

    def moments(self, ids: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation ``(D,)`` of the rows of some items."""
        tokens = self.batch(ids)
        rows = tokens.values[tokens.mask]
        return rows.mean(0), rows.std(0)
