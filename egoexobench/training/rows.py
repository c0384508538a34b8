"""What pairs are embedded as: tensors with one row a pair."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Rows = tuple[Tensor, ...]
"""Tensors ``(B, D)``, ``(B, T)`` or ``(B, T, D)``; T may differ between parts of a batch."""


def pad_rows(rows: Tensor, length: int) -> Tensor:
    """Return rows whose second axis is so long; what is added is 0."""
    missing = length - rows.shape[1]
    if not missing:
        return rows
    return torch.cat([rows, rows.new_zeros(len(rows), missing, *rows.shape[2:])], 1)


def join_parts(parts: Sequence[Tensor]) -> Tensor:
    """Return the rows of all parts, padded to the longest."""
    longest = max(part.shape[1] for part in parts)
    return torch.cat([pad_rows(part, longest) for part in parts])
