"""Times soft dynamic time warping by anti-diagonals, next to loops over cells.

    python benchmarks/soft_dtw.py [--tokens 32] [--pairs 16] [--rounds 5] [--threads 1]

Every method computes the tables of a batch of cost matrices and the gradient of the sum of their
last cells. ``loop of pairs`` computes one cell of one pair at a time, as the release of AE2 does
(without its copy of the table for every cell); ``loop of cells`` computes a cell of all pairs at a
time. The methods take turns in each round; ratios are medians over rounds. The largest difference
of table and gradient to ours is printed beside.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor

from egoexobench.toolbox.soft_dtw import compute_soft_dtw

SOFTNESS = 0.1
Method = Callable[[Tensor], Tensor]


def loop_over_cells(costs: Tensor) -> Tensor:
    """Return the tables ``(B, N, M)``, one cell of all pairs at a time."""
    cells: dict[tuple[int, int], Tensor] = {}
    _, num_rows, num_columns = costs.shape
    for i in range(num_rows):
        for j in range(num_columns):
            before = [cells[at] for at in ((i, j - 1), (i - 1, j - 1), (i - 1, j)) if at in cells]
            cells[i, j] = costs[:, i, j]
            if before:
                neighbors = torch.stack(before)
                shares = torch.softmax(-neighbors / SOFTNESS, 0)
                cells[i, j] = costs[:, i, j] + (shares * neighbors).sum(0)
    return torch.stack([cells[at] for at in sorted(cells)], 1).reshape(costs.shape)


def loop_over_pairs(costs: Tensor) -> Tensor:
    """Return the tables ``(B, N, M)``, one cell of one pair at a time."""
    return torch.cat([loop_over_cells(matrix[None]) for matrix in costs])


METHODS: dict[str, Method] = {
    "anti-diagonals": lambda costs: compute_soft_dtw(costs, SOFTNESS),
    "loop of cells": loop_over_cells,
    "loop of pairs": loop_over_pairs,
}


def compute_gradient(method: Method, costs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the tables, and the gradient of the sum of their last cells."""
    leaf = costs.clone().requires_grad_()
    tables = method(leaf)
    (gradient,) = torch.autograd.grad(tables[:, -1, -1].sum(), leaf)
    return tables.detach(), gradient


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--pairs", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    products = torch.randn(arguments.pairs, arguments.tokens, arguments.tokens) / SOFTNESS
    costs = -torch.log_softmax(products, 1)
    times: dict[str, list[float]] = {name: [] for name in METHODS}
    for turn in range(-1, arguments.rounds):
        for name, method in METHODS.items():
            start = time.perf_counter()
            compute_gradient(method, costs)
            if turn >= 0:
                times[name].append(time.perf_counter() - start)
    ours = compute_gradient(METHODS["anti-diagonals"], costs)
    print(f"T = {arguments.tokens}, B = {arguments.pairs}, forward and backward")
    print(
        "| method | median ms | / ours | largest difference: table, gradient |\n|---|---|---|---|"
    )
    for name, method in METHODS.items():
        ratio = median(
            theirs / own for theirs, own in zip(times[name], times["anti-diagonals"], strict=True)
        )
        theirs = compute_gradient(method, costs)
        gaps = [f"{float((a - b).abs().max()):.1e}" for a, b in zip(theirs, ours, strict=True)]
        print(f"| {name} | {1e3 * median(times[name]):.1f} | {ratio:.1f} | {', '.join(gaps)} |")


if __name__ == "__main__":
    main()
