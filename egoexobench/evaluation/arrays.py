"""Arrays as the metrics take them: tensors and NumPy arrays alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Floats: TypeAlias = NDArray[np.float64]
Vectors: TypeAlias = "Tensor | NDArray[np.generic] | Sequence[float]"
"""Numbers as a user has them."""
Indices: TypeAlias = "Tensor | NDArray[np.integer] | Sequence[int] | Sequence[Sequence[int]]"
"""One index for each query, or several."""


def to_tensor(values: Vectors) -> Tensor:
    """Return the values as a tensor. A tensor is returned as it is, an array is not changed.

    >>> to_tensor(np.array([1.0, 2.0]))
    tensor([1., 2.], dtype=torch.float64)
    """
    import torch

    if isinstance(values, torch.Tensor):
        return values
    # Torch shares the memory of an array, and only if the array is contiguous and writable.
    return torch.from_numpy(np.require(values, requirements=["C", "W"]))


def to_floats(values: Vectors) -> Floats:
    """Return the values as a float64 array on the CPU."""
    if isinstance(values, np.ndarray):
        return np.asarray(values, float)
    return np.asarray(to_tensor(values).detach().cpu().double().numpy())


def find_nonfinite_rows(vectors: Tensor) -> Tensor:
    """Return the rows of a matrix ``(N, D)`` that contain NaN or infinity, ``(K,)``.

    >>> import torch
    >>> find_nonfinite_rows(torch.tensor([[1.0, 2.0], [3.0, float("nan")]]))
    tensor([1])
    """
    # A sum reads once and writes nothing. It can overflow: then the numbers themselves decide.
    suspects = (~vectors.sum(1).isfinite()).nonzero()[:, 0]
    return suspects[~vectors[suspects].isfinite().all(1)]


def to_index_lists(indices: Indices) -> list[list[int]]:
    """Return one list of indices for each query.

    >>> to_index_lists(np.array([2, 0]))
    [[2], [0]]
    >>> to_index_lists([(2, 1), (0,)])
    [[2, 1], [0]]
    """
    rows = indices if isinstance(indices, Sequence) else indices.tolist()
    return [[row] if isinstance(row, int) else list(row) for row in rows]
