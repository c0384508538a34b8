"""Times the ranks of the toolkit next to the bare matrix product and other methods.

    python benchmarks/ranks.py --size 10000 --width 256 --rounds 5
    python benchmarks/ranks.py --size 1000000 --queries 1024

The methods take turns in each round, so that other load on the machine affects all of them alike.
Memory is the peak of a process of its own that runs one method once, minus its peak before.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median

import numpy as np
import torch
from peak_memory import get_peak_mb
from torch import Tensor

from egoexobench.evaluation.ranks import compute_ranks
from egoexobench.evaluation.top_candidates import find_top_candidates
from egoexobench.types import Embeddings, Gallery, Query

Method = Callable[[Tensor, Tensor], object]
FLOOR = "product"
_TILE = 512, 1024  # queries and candidates of a tile, whose scores the cache of a core holds
_LARGEST_TABLE = 2**28


def multiply_matrices(queries: Tensor, candidates: Tensor) -> float:
    """The bare matrix product, in tiles, into one buffer."""
    buffer = torch.empty(_TILE)
    for tile in torch.split(candidates, _TILE[1]):
        for block in torch.split(queries, _TILE[0]):
            torch.mm(block, tile.T, out=buffer[: len(block), : len(tile)])
    return float(buffer[0, 0])


def count_better(queries: Tensor, candidates: Tensor) -> Tensor:
    """``egoexobench.evaluation.ranks``: normalized, checked, both ends of every tie."""
    return compute_ranks(queries, candidates, torch.arange(len(queries))).optimistic


def sort_torch(queries: Tensor, candidates: Tensor) -> Tensor:
    """Sort every row, then search for the positive."""
    order = (queries @ candidates.T).argsort(1, descending=True)
    return 1 + (order == torch.arange(len(queries))[:, None]).int().argmax(1)


def sort_numpy(queries: Tensor, candidates: Tensor) -> object:
    """Sort every row with NumPy, then search for the positive."""
    order = np.argsort(-(queries.numpy() @ candidates.numpy().T), axis=1)
    return 1 + (order == np.arange(len(queries))[:, None]).argmax(1)


def search_faiss(queries: Tensor, candidates: Tensor) -> object:
    """The first ten of an exact index: no ranks beyond ten."""
    import faiss  # type: ignore[import-not-found, unused-ignore]

    index = faiss.IndexFlatIP(candidates.shape[1])
    index.add(candidates.numpy())
    return 1 + (index.search(queries.numpy(), 10)[1] == np.arange(len(queries))[:, None]).argmax(1)


def find_first(queries: Tensor, candidates: Tensor) -> object:
    """``egoexobench.evaluation.top_candidates``: ids and scores of the first five."""
    names = tuple(map(str, range(len(candidates))))
    sides = [Embeddings(names[: len(side)], side) for side in (queries, candidates)]
    gallery = Gallery(names)
    listed = [Query(name, gallery, (0,), name) for name in names[: len(queries)]]
    return find_top_candidates(listed, *sides, 5)


METHODS: dict[str, tuple[Method, str]] = {
    FLOOR: (multiply_matrices, "torch"),
    "counting": (count_better, "torch"),
    "first five": (find_first, "torch"),
    "torch argsort": (sort_torch, "torch"),
    "numpy argsort": (sort_numpy, "numpy"),
    "faiss top 10": (search_faiss, "faiss"),
}
"""Name to the method and the module that it needs."""


def make_embeddings(num_queries: int, size: int, width: int) -> tuple[Tensor, Tensor]:
    """Return unit vectors of queries and candidates; the first candidates are near their query."""
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(num_queries, width, generator=generator)
    candidates = torch.randn(size, width, generator=generator).mul_(3)
    candidates[:num_queries] += queries
    normalize = torch.nn.functional.normalize
    return normalize(queries, dim=1), normalize(candidates, dim=1, out=candidates)


def time_methods(
    names: list[str], shape: tuple[int, int, int], rounds: int
) -> dict[str, list[float]]:
    """Return the seconds of the processor of every round; a first round is not counted."""
    queries, candidates = make_embeddings(*shape)
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(-1, rounds):
        for name in names:
            start = time.process_time()
            METHODS[name][0](queries, candidates)
            if turn >= 0:
                times[name].append(time.process_time() - start)
    return times


def measure_memory(name: str, shape: tuple[int, int, int]) -> float:
    """Return the peak MB of one method above its inputs, in this process."""
    queries, candidates = make_embeddings(*shape)
    # A small run first: libraries and thread pools are not part of the method.
    METHODS[name][0](queries[:64].clone(), candidates[:64].clone())
    before = get_peak_mb()
    METHODS[name][0](queries, candidates)
    return get_peak_mb() - before


def _measure_memory_apart(name: str, shape: tuple[int, int, int]) -> float:
    options = ("--queries", "--size", "--width")
    sizes = [word for item in zip(options, map(str, shape), strict=True) for word in item]
    command = [sys.executable, __file__, "--memory", name, *sizes]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_table(shape: tuple[int, int, int], rounds: int) -> None:
    """Print medians, ratios to the product of the same round, and peak memory."""
    names = [name for name, (_, module) in METHODS.items() if find_spec(module)]
    if shape[0] * shape[1] > _LARGEST_TABLE:  # the other methods hold the complete table
        names = [FLOOR, "counting", "first five"]
    times = time_methods(names, shape, rounds)
    print(f"{' x '.join(map(str, shape))}, {rounds} rounds,", end=" ")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    print("| method | median s | min - max s | / product | peak MB |\n|---|---|---|---|---|")
    for name in names:
        ratio = median(a / b for a, b in zip(times[name], times[FLOOR], strict=True))
        spread = f"{min(times[name]):.3f} - {max(times[name]):.3f}"
        peak = _measure_memory_apart(name, shape)
        print(f"| {name} | {median(times[name]):.3f} | {spread} | {ratio:.2f} | {peak:.0f} |")
    for name in METHODS.keys() - set(names):
        reason = "the table is too large" if find_spec(METHODS[name][1]) else "not installed"
        print(f"{name}: {reason}, skipped")


def print_cost_per_query(shape: tuple[int, int, int], rounds: int) -> None:
    """Print what one more query costs: the check and the norms of the candidates are paid once."""
    num_queries, size, width = shape
    names = [FLOOR, "counting"]
    few = time_methods(names, (max(1, num_queries // 4), size, width), rounds)
    many = time_methods(names, shape, rounds)
    added = num_queries - max(1, num_queries // 4)
    cost = {name: (median(many[name]) - median(few[name])) / added for name in names}
    per_query = ", ".join(f"{name} {1000 * seconds:.2f} ms" for name, seconds in cost.items())
    print(f"one more query: {per_query}, ratio {cost['counting'] / cost[FLOOR]:.2f}")


def main() -> None:
    """Print the table, or with --memory the peak memory of one method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=10_000, help="candidates")
    parser.add_argument("--queries", type=int, help="queries; as many as candidates if missing")
    parser.add_argument("--width", type=int, default=256, help="features of an embedding")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", choices=METHODS, help="print the peak MB of one method")
    arguments = parser.parse_args()
    num_queries = arguments.queries or arguments.size
    shape = num_queries, arguments.size, arguments.width
    if arguments.memory:
        print(measure_memory(arguments.memory, shape))
        return
    print_table(shape, arguments.rounds)
    if num_queries >= _TILE[0]:
        print_cost_per_query(shape, arguments.rounds)


if __name__ == "__main__":
    main()
