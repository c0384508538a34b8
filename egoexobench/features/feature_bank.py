"""The features of many items, given out as padded batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egoexobench.features.feature_file import FeatureRows
from egoexobench.types import Tokens

_FLOAT32 = np.dtype(np.float32)
IN_MEMORY_LIMIT = 256 << 20
"""Bytes of rows up to which mean and deviation are computed from all rows at once."""
ITEMS_PER_CHUNK = 256
"""Items at a time above that limit."""


@final
class FeatureBank:
    """The rows of many items.

    The bank copies nothing before it is needed. The rows of a store stay in its memory map, so a
    bank may be larger than the memory.

    Args:
        ids: one per item.
        items: their rows; an item without rows gives a row of padding, which is masked.
        shape: shape of a row, for the case that no item has rows.
        dtype: that of the rows in this case.
    """

    def __init__(
        self,
        ids: Sequence[str],
        items: Sequence[FeatureRows],
        shape: tuple[int, ...] = (1,),
        dtype: np.dtype[Any] = _FLOAT32,
    ) -> None:
        self.index = {name: i for i, name in enumerate(ids)}
        self.states = [item.state for item in items]
        self.rows = [item.rows for item in items]
        self.shape = next((rows.shape[1:] for rows in self.rows if len(rows)), shape)
        self.dtype = _get_batch_dtype(self.rows, dtype)

    @property
    def max_length(self) -> int:
        """Number of rows of the longest item."""
        return max((len(rows) for rows in self.rows), default=0)

    def has(self, name: str) -> bool:
        """Whether the item has any row."""
        return len(self.rows[self.index[name]]) > 0

    def get(self, name: str) -> NDArray[np.float32]:
        """The rows ``(T, ...)`` of one item, without padding."""
        return self.rows[self.index[name]].astype(np.float32, copy=False)

    def batch(self, ids: Sequence[str], min_length: int = 1) -> Tokens:
        """Return the rows ``(B, T, ...)`` of some items, padded to the longest, and their mask.

        Floating-point rows become float32. Integers and booleans keep their dtype, so that a token
        id is an exact index.

        Args:
            ids: the items.
            min_length: least T; items that are all shorter are padded to it.
        """
        selected = [self.rows[self.index[name]] for name in ids]
        longest = max((len(rows) for rows in selected), default=0)
        values = np.zeros((len(selected), max(longest, min_length, 1), *self.shape), self.dtype)
        mask = np.zeros(values.shape[:2], np.bool_)
        for position, rows in enumerate(selected):
            if len(rows):
                values[position, : len(rows)] = rows
                mask[position, : len(rows)] = True
        return Tokens(torch.from_numpy(values), torch.from_numpy(mask))

    def mean_std(self, ids: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation ``(D,)`` of the rows of some items; 0 and 1 without rows."""
        selected = [rows for name in ids if len(rows := self.rows[self.index[name]])]
        if not selected:
            return torch.zeros(self.shape), torch.ones(self.shape)
        if sum(rows.nbytes for rows in selected) > IN_MEMORY_LIMIT:
            return _compute_mean_std_in_chunks(selected)
        stacked = torch.from_numpy(np.concatenate(selected).astype(np.float32, copy=False))
        return stacked.mean(0), stacked.std(0)


def _compute_mean_std_in_chunks(selected: Sequence[NDArray[Any]]) -> tuple[Tensor, Tensor]:
    """The same in two passes over chunks, with sums in double precision."""
    count = sum(len(rows) for rows in selected)
    starts = range(0, len(selected), ITEMS_PER_CHUNK)
    chunks = [selected[start : start + ITEMS_PER_CHUNK] for start in starts]
    mean = sum(np.concatenate(chunk).sum(0, np.float64) for chunk in chunks) / count
    squares = sum(((np.concatenate(chunk) - mean) ** 2).sum(0) for chunk in chunks)
    deviation = np.sqrt(squares / (count - 1))
    return torch.from_numpy(mean).float(), torch.from_numpy(deviation).float()


def _get_batch_dtype(items: Sequence[NDArray[Any]], default: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype that holds the rows of every item; items without rows do not count."""
    dtypes = {rows.dtype for rows in items if len(rows)}
    dtype = np.result_type(*dtypes) if dtypes else default
    return _FLOAT32 if dtype.kind == "f" else dtype
