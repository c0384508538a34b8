"""Ranks in a gallery on the device, beside the bare matrix product and the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from egoexobench.evaluation.ranks import compute_ranks
from gpu_sections.clock import get_peak_gib, read_clock, reset_peak

SHAPE = (65_536, 1_000_000, 256)
TINY_SHAPE = (64, 2_000, 16)
NUM_COMPARED = 128
"""Queries that are ranked on the CPU too."""
BAR_RATIO = 3.0
"""The counts read and write each score of a tile in memory, which has no cache of its size."""
TILE = (4096, 16_384)


def measure_rows(device: str, *, is_tiny: bool) -> Iterator[dict[str, Any]]:
    """Yield seconds, the ratio to the product, the peak memory and how many ranks differ."""
    num_queries, size, width = shape = TINY_SHAPE if is_tiny else SHAPE
    rng = torch.Generator().manual_seed(0)
    candidates = torch.nn.functional.normalize(torch.randn(size, width, generator=rng))
    noise = torch.randn(num_queries, width, generator=rng)
    queries = candidates[:num_queries] + 0.2 * noise
    positives = torch.arange(num_queries)
    reset_peak(device)
    product_s = _time_twice(
        lambda: _multiply_matrices(queries.to(device), candidates.to(device)), device
    )
    reset_peak(device)
    where = torch.device(device)
    ranks_s = _time_twice(
        lambda: compute_ranks(queries, candidates, positives, device=where), device
    )
    ranks = compute_ranks(queries, candidates, positives, device=where)
    peak = get_peak_gib(device)
    expected = compute_ranks(queries[:NUM_COMPARED], candidates, positives[:NUM_COMPARED])
    differences = (ranks.optimistic[:NUM_COMPARED] - expected.optimistic).abs()
    ratio = ranks_s / product_s
    yield {
        "name": " x ".join(map(str, shape)),
        "seconds": ranks_s,
        "ms a query": 1000 * ranks_s / num_queries,
        "/ product": ratio,
        "GiB": peak,
        "moved ranks": int((differences > 0).sum()),
        "largest move": int(differences.max()),
        "passed": int(differences.max()) <= 1 and (is_tiny or ratio <= BAR_RATIO),
    }


def _time_twice(call: Any, device: str) -> float:
    """Return the seconds of the second call, the copies to the device included."""
    call()
    start = read_clock(device)
    call()
    return read_clock(device) - start


def _multiply_matrices(queries: Tensor, candidates: Tensor) -> None:
    buffer = queries.new_empty(TILE)
    for tile in torch.split(candidates, TILE[1]):
        for block in torch.split(queries, TILE[0]):
            torch.mm(block, tile.T, out=buffer[: len(block), : len(tile)])
