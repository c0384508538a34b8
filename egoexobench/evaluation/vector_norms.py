"""Vectors as they are compared: checked, of unit length for the cosine, and their lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from egoexobench.errors import DataError
from egoexobench.evaluation.arrays import find_nonfinite_rows

if TYPE_CHECKING:
    from egoexobench.types import Similarity

TIE_ULPS = 8.0
"""Two scores tie if they differ by less than this many units of rounding, times both norms."""
BLOCK_ROWS = 8192
"""Rows that are converted to 64 bits at once."""


def check_vectors(vectors: Tensor, name: str, rows: Tensor | None = None) -> Tensor:
    """Return vectors of at least float32, of which some rows are finite; None is all.

    Raises:
        DataError: if one contains NaN or infinity.
    """
    vectors = vectors if vectors.dtype == torch.float64 else vectors.float()
    broken = find_nonfinite_rows(vectors)
    if len(broken) and rows is not None:
        broken = broken[torch.isin(broken, rows)]
    if len(broken):
        raise DataError(
            f"{len(broken)} of {len(vectors)} {name} embeddings contain NaN or infinity, first at "
            f"row {int(broken[0])}"
        )
    return vectors


def normalize_vectors(vectors: Tensor, similarity: Similarity) -> Tensor:
    """Return vectors of unit length for the cosine; a zero vector stays zero."""
    if similarity == "dot":
        return vectors
    # Scaled first, so that neither a tiny nor a huge vector loses its direction in the square.
    largest = vectors.abs().amax(1, keepdim=True)
    vectors = vectors / torch.where(largest > 0, largest, 1)  # a denormal number is above 0
    norms = vectors.square().sum(1, keepdim=True).sqrt()
    return vectors / norms.clamp_min(0.5)


def measure_norms(vectors: Tensor) -> Tensor:
    """Return the norms, float64, in which the square of a float32 number does not overflow."""
    return torch.cat([block.double().norm(dim=1) for block in torch.split(vectors, BLOCK_ROWS)])


def check_dot_range(queries: Tensor, candidates: Tensor, rows: Tensor | None = None) -> None:
    """Check that dot products with some candidates, or all, neither overflow nor underflow.

    Raises:
        DataError: if one can.
    """
    norms, candidate_norms = measure_norms(queries), measure_norms(candidates)
    longest = (candidate_norms if rows is None else candidate_norms[rows]).max()
    limits, products = torch.finfo(queries.dtype), norms * longest
    is_outside = (products >= limits.max) | ((products > 0) & (products < limits.tiny / limits.eps))
    if is_outside.any():
        row = int(is_outside.nonzero()[0])
        raise DataError(
            f"dot products of {int(is_outside.sum())} of {len(queries)} query embeddings leave the "
            f"range of {queries.dtype}: that of row {row} has the length {float(norms[row]):.3g}, "
            f"the longest candidate {float(longest):.3g}; scale them, or use the cosine"
        )
