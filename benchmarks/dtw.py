"""Times dynamic time warping, next to the bare matrix product and other libraries.

    python benchmarks/dtw.py [--sizes 60x64 500x500 1500x1500] [--width 768] [--rounds 7]

Every method starts from two float32 sequences of features and ends with the complete path. The
methods take turns in each round. One round before the others, in which loops are compiled, is not
counted. A library that is not installed is named and skipped. At 60x64 each turn is 20 pairs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_info

from egoexobench.models.dtw import compute_dtw_path

Features = NDArray[np.float32]
Method = Callable[[Features, Features], float]
FLOOR = "product"


def multiply_numpy(first: Features, second: Features) -> float:
    """The bare float32 matrix product of NumPy: the floor."""
    return float((first @ second.T)[-1, -1])


def multiply_torch(first: Features, second: Features) -> float:
    """The same product in torch."""
    return float((torch.from_numpy(first) @ torch.from_numpy(second).T)[-1, -1])


def align_ours(first: Features, second: Features) -> float:
    """``egoexobench.models.dtw.compute_dtw_path``."""
    return compute_dtw_path(first, second).cost


def align_ours_in_band(first: Features, second: Features) -> float:
    """The same in a band with a half-width of 10 %."""
    return compute_dtw_path(first, second, 0.1).cost


def align_numpy(first: Features, second: Features) -> float:
    """NumPy alone, one row at a time: ``D[i, j] = S[j] + min over k <= j of (m[k] - S[k - 1])``.

    S is the cumulative sum of the distances of a row, m the smaller of the two cells above. This is
    the fastest form without a compiler; one operation per anti-diagonal took longer.
    """
    distances = _cosine_distances(first, second)
    num_rows, num_columns = distances.shape
    sums = np.zeros((num_rows, num_columns + 1))
    np.cumsum(distances, 1, out=sums[:, 1:], dtype=np.float64)
    costs = np.full((num_rows + 1, num_columns + 1), np.inf)
    costs[0, 0] = 0
    least = np.empty(num_columns)
    above, corner, below = costs[:-1, 1:], costs[:-1, :-1], costs[1:, 1:]
    for a, b, s, t, out in zip(above, corner, sums[:, :-1], sums[:, 1:], below, strict=True):
        np.minimum(a, b, out=least)
        np.subtract(least, s, out=least)
        np.minimum.accumulate(least, out=least)
        np.add(least, t, out=out)
    _trace_path(costs)
    return float(costs[-1, -1])


def _cosine_distances(first: Features, second: Features) -> Features:
    left, right = (x / np.sqrt(np.einsum("nd,nd->n", x, x))[:, None] for x in (first, second))
    distances: Features = np.maximum(1 - left @ right.T, 0)
    return distances


def _trace_path(costs: NDArray[np.float64]) -> list[int]:
    flat, width = costs.data.cast("B").cast("d"), costs.shape[1]
    path = [costs.size - 1]
    while (cell := path[-1]) != width + 1:
        steps = (cell - width - 1, cell - width, cell - 1)
        path.append(min(steps, key=flat.__getitem__))
    return path


def align_librosa(first: Features, second: Features) -> float:
    """Librosa from features, with the cosine distance."""
    import librosa  # type: ignore[import-not-found, import-untyped, unused-ignore]

    costs, _ = librosa.sequence.dtw(first.T, second.T, metric="cosine")
    return float(costs[-1, -1])


def align_librosa_from_matrix(first: Features, second: Features) -> float:
    """Librosa from a matrix of cosine distances that one product computed."""
    import librosa

    costs, _ = librosa.sequence.dtw(C=_cosine_distances(first, second))
    return float(costs[-1, -1])


def align_tslearn_cosine(first: Features, second: Features) -> float:
    """Tslearn with the cosine distance of scikit-learn."""
    from tslearn.metrics import (  # type: ignore[import-not-found, import-untyped, unused-ignore]
        dtw_path_from_metric,
    )

    return float(dtw_path_from_metric(first, second, metric="cosine")[1])


def align_tslearn_euclidean(first: Features, second: Features) -> float:
    """Tslearn with its own, Euclidean distance: the cost is another one."""
    from tslearn.metrics import dtw_path

    return float(dtw_path(first, second)[1])


def align_dtaidistance(first: Features, second: Features) -> float:
    """The loop and the path of dtaidistance in C, Euclidean: the cost is another one."""
    from dtaidistance import (  # type: ignore[import-not-found, import-untyped, unused-ignore]
        dtw,
        dtw_ndim,
    )

    left, right = (np.ascontiguousarray(x, np.float64) for x in (first, second))
    cost, costs = dtw_ndim.warping_paths_fast(left, right)
    dtw.best_path(costs)
    return float(cost)


METHODS: dict[str, tuple[Method, str]] = {
    FLOOR: (multiply_numpy, "numpy"),
    "product of torch": (multiply_torch, "torch"),
    "egoexobench": (align_ours, "numba"),
    "egoexobench, band 10 %": (align_ours_in_band, "numba"),
    "numpy rows": (align_numpy, "numpy"),
    "librosa, features": (align_librosa, "librosa"),
    "librosa, our matrix": (align_librosa_from_matrix, "librosa"),
    "tslearn, cosine": (align_tslearn_cosine, "tslearn"),
    "tslearn, Euclidean": (align_tslearn_euclidean, "tslearn"),
    "dtaidistance, Euclidean": (align_dtaidistance, "dtaidistance"),
}
"""Name to the method and the module that it needs."""


def time_methods(
    names: list[str], first: Features, second: Features, rounds: int
) -> dict[str, list[float]]:
    """Return the wall seconds of one pair in every round, for each method."""
    repeats = 20 if len(first) < 100 else 1
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(-1, rounds):
        for name in names:
            start = time.perf_counter()
            for _ in range(repeats):
                METHODS[name][0](first, second)
            if turn >= 0:
                times[name].append((time.perf_counter() - start) / repeats)
    return times


def print_table(size: str, width: int, rounds: int) -> None:
    """Print the medians, ratios to the product of the same round, pairs per second and costs."""
    rng = np.random.default_rng(0)
    lengths = map(int, size.split("x"))
    first, second = (rng.normal(size=(n, width)).astype(np.float32) for n in lengths)
    names = [name for name, (_, module) in METHODS.items() if find_spec(module)]
    times = time_methods(names, first, second, rounds)
    print(f"\n{size} x {width}, {rounds} rounds")
    print("| method | median ms | / product | pairs/s | cost |\n|---|---|---|---|---|")
    for name in names:
        ratio = median(a / b for a, b in zip(times[name], times[FLOOR], strict=True))
        seconds, cost = median(times[name]), METHODS[name][0](first, second)
        cost_cell = "" if name.startswith(FLOOR) else f"{cost:.3f}"
        print(f"| {name} | {1e3 * seconds:.3f} | {ratio:.2f} | {1 / seconds:.0f} | {cost_cell} |")


def main() -> None:
    """Print one table per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=["60x64", "500x500", "1500x1500"])
    parser.add_argument("--width", type=int, default=768, help="features of a token")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    threads = sorted({info["num_threads"] for info in threadpool_info()})
    print(f"numpy {np.__version__}, torch {torch.__version__}, threads {threads}")
    for size in arguments.sizes:
        print_table(size, arguments.width, arguments.rounds)
    for name, (_, module) in METHODS.items():
        if not find_spec(module):
            print(f"{name}: {module} is not installed, skipped")


if __name__ == "__main__":
    main()
