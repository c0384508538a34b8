"""Encodes the rows of a padded batch by their length, so that no model reads padding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

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
    tokens = torch.zeros(len(lengths), 1, dim, device=values.device)
    token_mask = torch.zeros(len(lengths), 1, dtype=torch.bool, device=values.device)
    # the longest rows come first and have the most tokens, which are then stored once
    for length, rows in _split_by_length(lengths, num_rows):
        result = compute(values[rows, :length])
        count = result.shape[1]
        if not bool(token_mask.any()):
            tokens = result.new_zeros(len(lengths), count, dim)
            token_mask = token_mask.new_zeros(tokens.shape[:2])
        tokens[rows, :count] = result
        token_mask[rows, :count] = True
    return Tokens(tokens, token_mask)


def _split_by_length(lengths: Sequence[int], num_rows: int) -> Iterator[tuple[int, list[int]]]:
    """Yield the positions of rows of one length that are computed together, longest rows first."""
    for length in sorted(set(lengths) - {0}, reverse=True):
        positions = [row for row, row_length in enumerate(lengths) if row_length == length]
        step = max(num_rows // length, 1)
        for start in range(0, len(positions), step):
            yield length, positions[start : start + step]
