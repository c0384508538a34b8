"""Soft dynamic time warping of a batch of cost matrices, one anti-diagonal at a time.

The cells of an anti-diagonal do not depend on each other, so all of them, of all matrices of the
batch, are one step: N + M - 1 steps instead of N * M. Neighbors outside of the matrix are left out
of the minimum, in both directions, so that gradients of any scale are finite.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

SoftMinimum = Literal["softmax", "log-sum-exp", "hard"]


def compute_soft_dtw(costs: Tensor, softness: float, minimum: SoftMinimum = "softmax") -> Tensor:
    """Return the tables ``(B, N, M)`` of cost matrices ``(B, N, M)``.

    A cell is its own cost plus a minimum ``f`` over the cells left of it, above it and diagonally
    before it; the first cell is its cost. A cell depends on no cell behind it, so the result of a
    pair with n and m tokens is the cell ``(n - 1, m - 1)`` of its table, whatever the padding.

    - ``softmax``: ``f(n) = sum_k p_k n_k`` with ``p = softmax(-n / softness)``;
    - ``log-sum-exp``: ``f(n) = -softness * log sum_k exp(-n_k / softness)`` (Cuturi and Blondel
      2017, eq. 1);
    - ``hard``: the smallest; equal ones share its gradient.

    Args:
        costs: finite; half precision is computed in float32.
        softness: the gamma of the minimum, above 0; the smaller, the harder.
        minimum: one of the three.
    """
    table: Tensor = _SoftTable.apply(  # type: ignore[no-untyped-call]
        costs.to(torch.promote_types(costs.dtype, torch.float32)), softness, minimum
    )
    return table


class _AntiDiagonal(NamedTuple):
    """An anti-diagonal and where its cells and their neighbors stand in skewed tables.

    A skewed table ``(N + M + 1, B, N + 1)`` holds cell ``(i, j)`` of the table with a border, which
    has i = 0 or j = 0, at ``[i + j, :, i]``.
    """

    number: int
    rows: slice
    rows_before: slice

    def list_neighbors(self, skewed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the cells left, diagonally before and above, ``(B, cells)`` each."""
        before, second = skewed[self.number - 1], skewed[self.number - 2]
        return before[:, self.rows], second[:, self.rows_before], before[:, self.rows_before]


def _list_diagonals(num_rows: int, num_columns: int) -> list[_AntiDiagonal]:
    diagonals = []
    for number in range(2, num_rows + num_columns + 1):
        first, last = max(1, number - num_columns), min(num_rows, number - 1)
        diagonals.append(_AntiDiagonal(number, slice(first, last + 1), slice(first - 1, last)))
    return diagonals


def _list_cells(num_rows: int, num_columns: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the two indices of every cell in a skewed table, ``(N, M)`` each."""
    rows = torch.arange(1, num_rows + 1, device=device)[:, None].expand(-1, num_columns)
    return rows + torch.arange(1, num_columns + 1, device=device), rows


def _make_skewed(values: Tensor, border: float) -> Tensor:
    batch, num_rows, num_columns = values.shape
    skewed = values.new_full((num_rows + num_columns + 1, batch, num_rows + 1), border)
    diagonals, rows = _list_cells(num_rows, num_columns, values.device)
    skewed[diagonals, :, rows] = values.permute(1, 2, 0)
    return skewed


def _read_skewed(skewed: Tensor) -> Tensor:
    num_rows = skewed.shape[2] - 1
    diagonals, rows = _list_cells(num_rows, skewed.shape[0] - num_rows - 1, skewed.device)
    return skewed[diagonals, :, rows].permute(2, 0, 1).contiguous()


def _compute_minimum(
    neighbors: Tensor, softness: float, minimum: SoftMinimum
) -> tuple[Tensor, Tensor]:
    """Return minima ``(B, cells)`` of neighbors ``(3, B, cells)``, and their gradients.

    A neighbor that is infinite does not count; one of the three is finite.
    """
    least = neighbors.amin(0)
    gaps = neighbors - least
    if minimum == "hard":
        is_least = (gaps == 0).to(gaps)
        return least, is_least / is_least.sum(0)
    shares = torch.softmax(gaps / -softness, 0)
    if minimum == "log-sum-exp":
        return least - softness * (gaps / -softness).logsumexp(0), shares
    gaps = torch.where(shares > 0, gaps, 0.0)  # infinity times 0 is not a number
    mean = (shares * gaps).sum(0)
    return least + mean, shares * (1 - (gaps - mean) / softness)


class _SoftTable(torch.autograd.Function):
    """The table, and its gradient with the gradients of the minima that were kept."""

    @staticmethod
    def forward(ctx: Any, costs: Tensor, softness: float, minimum: SoftMinimum) -> Tensor:
        table = _make_skewed(costs, torch.inf)
        table[0, :, 0] = 0.0
        gradients = []
        for diagonal in _list_diagonals(*costs.shape[1:]):
            neighbors = torch.stack(diagonal.list_neighbors(table))
            values, gradient = _compute_minimum(neighbors, softness, minimum)
            table[diagonal.number][:, diagonal.rows] += values
            gradients.append(gradient)
        ctx.save_for_backward(*gradients)
        return _read_skewed(table)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, incoming: Tensor) -> tuple[Tensor, None, None]:
        gradient = _make_skewed(incoming, 0.0)
        diagonals = _list_diagonals(*incoming.shape[1:])
        for diagonal, shares in zip(diagonals[::-1], ctx.saved_tensors[::-1], strict=True):
            flow = shares * gradient[diagonal.number][:, diagonal.rows]
            for neighbor, part in zip(diagonal.list_neighbors(gradient), flow, strict=True):
                neighbor.add_(part)
        return _read_skewed(gradient), None, None
