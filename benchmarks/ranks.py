"""What ranks cost: counting, as the toolkit does, beside the bare matrix product and its peers.

    python benchmarks/ranks.py --size 10000 --width 256 --rounds 5

Methods take turns within each round, so that a busy machine hurts all of them alike. Memory is the
peak of a process of its own that runs one method once, less its peak before.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor

from egoexobench.evaluation.ranks import compute_ranks

Method = Callable[[Tensor, Tensor], object]
_ROWS = 419  # the rows that counting takes at once at 10,000 candidates


def product(queries: Tensor, candidates: Tensor) -> float:
    """The bare matrix product, in chunks of rows, into one buffer."""
    buffer = torch.empty(_ROWS, len(candidates))
    for start in range(0, len(queries), _ROWS):
        chunk = queries[start : start + _ROWS]
        torch.mm(chunk, candidates.T, out=buffer[: len(chunk)])
    return float(buffer[0, 0])


def counting(queries: Tensor, candidates: Tensor) -> Tensor:
    """``egoexobench.evaluation.ranks``: normalized, checked, both ends of every tie."""
    return compute_ranks(queries, candidates, torch.arange(len(queries))).optimistic


def torch_argsort(queries: Tensor, candidates: Tensor) -> Tensor:
    """Sort every row, then look for the answer."""
    order = (queries @ candidates.T).argsort(1, descending=True)
    return 1 + (order == torch.arange(len(queries))[:, None]).int().argmax(1)


def numpy_argsort(queries: Tensor, candidates: Tensor) -> object:
    """Sort every row with NumPy, then look for the answer."""
    order = np.argsort(-(queries.numpy() @ candidates.numpy().T), axis=1)
    return 1 + (order == np.arange(len(queries))[:, None]).argmax(1)


def faiss_top(queries: Tensor, candidates: Tensor) -> object:
    """The first ten of an exact index: no ranks beyond ten."""
    import faiss  # type: ignore[import-not-found, unused-ignore]

    index = faiss.IndexFlatIP(candidates.shape[1])
    index.add(candidates.numpy())
    return 1 + (index.search(queries.numpy(), 10)[1] == np.arange(len(queries))[:, None]).argmax(1)


METHODS: dict[str, tuple[Method, str]] = {
    "product": (product, "torch"),
    "counting": (counting, "torch"),
    "torch argsort": (torch_argsort, "torch"),
    "numpy argsort": (numpy_argsort, "numpy"),
    "faiss top 10": (faiss_top, "faiss"),
}


def inputs(size: int, width: int) -> tuple[Tensor, Tensor]:
    """Unit vectors; each candidate is near its query."""
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(size, width, generator=generator)
    candidates = queries + 3 * torch.randn(size, width, generator=generator)
    unit = torch.nn.functional.normalize
    return unit(queries, dim=1), unit(candidates, dim=1)


def seconds(names: list[str], size: int, width: int, rounds: int) -> dict[str, list[float]]:
    """Wall seconds of every round of each method; one round before is not counted."""
    queries, candidates = inputs(size, width)
    found: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(-1, rounds):
        for name in names:
            start = time.perf_counter()
            METHODS[name][0](queries, candidates)
            if turn >= 0:
                found[name].append(time.perf_counter() - start)
    return found


def memory(name: str, size: int, width: int) -> float:
    """Peak MB of one method above its inputs, in this process."""
    queries, candidates = inputs(size, width)
    # A small run first: libraries and thread pools are no part of the method.
    METHODS[name][0](queries[:64].clone(), candidates[:64].clone())
    before = _peak()
    METHODS[name][0](queries, candidates)
    return _peak() - before


def _peak() -> float:
    status = Path("/proc/self/status")
    if status.exists():  # on Linux ru_maxrss starts from that of the process that started this one
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _memory_apart(name: str, size: int, width: int) -> float:
    sizes = ["--size", str(size), "--width", str(width)]
    command = [sys.executable, __file__, "--memory", name, *sizes]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Print medians, ratios to the product of the same round, and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=10_000, help="queries and candidates")
    parser.add_argument("--width", type=int, default=256, help="features of an embedding")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", choices=METHODS, help="print the peak MB of one method")
    asked = parser.parse_args()
    if asked.memory:
        print(memory(asked.memory, asked.size, asked.width))
        return
    names = [name for name, (_, needs) in METHODS.items() if find_spec(needs)]
    found = seconds(names, asked.size, asked.width, asked.rounds)
    print(f"{asked.size} x {asked.size} x {asked.width}, {asked.rounds} rounds,", end=" ")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    print("| method | median s | min - max s | / product | peak MB |\n|---|---|---|---|---|")
    for name in names:
        ratios = [a / b for a, b in zip(found[name], found["product"], strict=True)]
        spread = f"{min(found[name]):.3f} - {max(found[name]):.3f}"
        peak = _memory_apart(name, asked.size, asked.width)
        print(
            f"| {name} | {median(found[name]):.3f} | {spread} | {median(ratios):.2f} | {peak:.0f} |"
        )
    for name in METHODS.keys() - set(names):
        print(f"{name}: {METHODS[name][1]} is not installed, skipped")


if __name__ == "__main__":
    main()
