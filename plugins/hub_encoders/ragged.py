"""Encodes the rows of a padded batch by their length, so that no model reads padding."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from egoexobench.types import Tokens


def encode_by_length(
    values: Tensor, mask: Tensor, compute: Callable[[Tensor], Tensor], *, dim: int, num_rows: int
) -> Tokens:
    """Return the tokens of rows ``values (B, T, ...)`` with ``mask (B, T)``.

    Args:
        values: padded rows.
        mask: True where a row is no padding.
        compute: rows ``(N, L, ...)`` of one length to tokens ``(N, T', dim)``.
        dim: width of a token.
        num_rows: at most so many entries ``L`` are computed together, but at least one row.
    """
    lengths = mask.sum(1).tolist()
    rows: dict[int, Tensor] = {}
    for length in sorted(set(lengths) - {0}):
        positions = [row for row, row_length in enumerate(lengths) if row_length == length]
        step = max(num_rows // length, 1)
        for start in range(0, len(positions), step):
            chunk = positions[start : start + step]
            rows |= dict(zip(chunk, compute(values[chunk, :length]), strict=True))
    empty = torch.zeros(0, dim, device=values.device)
    ordered = [rows.get(row, empty) for row in range(len(lengths))]
    longest = max([1, *map(len, ordered)])
    counts = torch.tensor([len(row) for row in ordered], device=values.device)
    dtype = next(iter(rows.values()), empty).dtype
    padded = [functional.pad(row.to(dtype), (0, 0, 0, longest - len(row))) for row in ordered]
    return Tokens(
        torch.stack(padded), torch.arange(longest, device=values.device) < counts[:, None]
    )
