"""Rows of several processes as one tensor, with gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed


def join_rows(rows: Tensor, rank: int, size: int) -> Tensor:
    """Return the rows ``(N, D)`` of all processes ``(size * N, D)``, in the order of ranks.

    The gradient of the rows of a process is the sum of what all processes compute for them.
    """
    joined: Tensor = _JoinedRows.apply(rows, rank, size)  # type: ignore[no-untyped-call]
    return joined


class _JoinedRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, rank: int, size: int) -> Tensor:
        ctx.rank, ctx.size = rank, size
        joined = rows.new_empty(size * len(rows), *rows.shape[1:])
        distributed.all_gather(list(joined.chunk(size)), rows.contiguous())
        return joined

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        # all_reduce instead of reduce_scatter, which Gloo does not have for every type
        gradient = gradients[0].contiguous().clone()
        distributed.all_reduce(gradient)
        count = len(gradient) // ctx.size
        return gradient[ctx.rank * count : (ctx.rank + 1) * count], None, None
