"""What dynamic time warping costs: ours beside the bare matrix product and its peers, in one run.

    python benchmarks/dtw.py [--sizes 60x64 500x500 1500x1500] [--width 768] [--rounds 7]

Every method starts from two float32 sequences of features and ends with the whole path; methods
take turns within each round, and one round before, in which loops are compiled, is not counted.
Peers that are not installed are named and skipped. At 60x64 each turn is 20 pairs.
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

Rows = NDArray[np.float32]
Method = Callable[[Rows, Rows], float]


def product(one: Rows, other: Rows) -> float:
    """The bare float32 matrix product of NumPy: the floor."""
    return float((one @ other.T)[-1, -1])


def torch_product(one: Rows, other: Rows) -> float:
    """The same product of torch."""
    return float((torch.from_numpy(one) @ torch.from_numpy(other).T)[-1, -1])


def ours(one: Rows, other: Rows) -> float:
    """``egoexobench.models.dtw.dtw``."""
    return compute_dtw_path(one, other).cost


def banded(one: Rows, other: Rows) -> float:
    """The same in a band of half-width 10 %."""
    return compute_dtw_path(one, other, 0.1).cost


def numpy_rows(one: Rows, other: Rows) -> float:
    """NumPy alone, a row at a time: ``D[i, j] = S[j] + min over k <= j of (m[k] - S[k - 1])``.

    S are the sums of a row's distances, m the lesser of the two cells above. The least time that
    was reached without a compiler: one operation per anti-diagonal took longer.
    """
    distances = _cosine(one, other)
    rows, columns = distances.shape
    sums = np.zeros((rows, columns + 1))
    np.cumsum(distances, 1, out=sums[:, 1:], dtype=np.float64)
    costs = np.full((rows + 1, columns + 1), np.inf)
    costs[0, 0] = 0
    least = np.empty(columns)
    above, corner, below = costs[:-1, 1:], costs[:-1, :-1], costs[1:, 1:]
    for a, b, s, t, out in zip(above, corner, sums[:, :-1], sums[:, 1:], below, strict=True):
        np.minimum(a, b, out=least)
        np.subtract(least, s, out=least)
        np.minimum.accumulate(least, out=least)
        np.add(least, t, out=out)
    _walk(costs)
    return float(costs[-1, -1])


def _cosine(one: Rows, other: Rows) -> Rows:
    left, right = (x / np.sqrt(np.einsum("nd,nd->n", x, x))[:, None] for x in (one, other))
    distances: Rows = np.maximum(1 - left @ right.T, 0)
    return distances


def _walk(costs: NDArray[np.float64]) -> list[int]:
    flat, width = costs.data.cast("B").cast("d"), costs.shape[1]
    places = [costs.size - 1]
    while (place := places[-1]) != width + 1:
        steps = (place - width - 1, place - width, place - 1)
        places.append(min(steps, key=flat.__getitem__))
    return places


def librosa_features(one: Rows, other: Rows) -> float:
    """From features, by cosine."""
    import librosa  # type: ignore[import-not-found, import-untyped, unused-ignore]

    costs, _ = librosa.sequence.dtw(one.T, other.T, metric="cosine")
    return float(costs[-1, -1])


def librosa_matrix(one: Rows, other: Rows) -> float:
    """From a cosine matrix that was made by one product."""
    import librosa

    costs, _ = librosa.sequence.dtw(C=_cosine(one, other))
    return float(costs[-1, -1])


def tslearn_cosine(one: Rows, other: Rows) -> float:
    """With the cosine of scikit-learn."""
    from tslearn.metrics import (  # type: ignore[import-not-found, import-untyped, unused-ignore]
        dtw_path_from_metric,
    )

    return float(dtw_path_from_metric(one, other, metric="cosine")[1])


def tslearn_euclidean(one: Rows, other: Rows) -> float:
    """With its own, Euclidean distance: another cost."""
    from tslearn.metrics import dtw_path

    return float(dtw_path(one, other)[1])


def dtaidistance_fast(one: Rows, other: Rows) -> float:
    """The loop in C, Euclidean, and its path: another cost."""
    from dtaidistance import (  # type: ignore[import-not-found, import-untyped, unused-ignore]
        dtw as peer,
    )
    from dtaidistance import dtw_ndim

    left, right = (np.ascontiguousarray(x, np.float64) for x in (one, other))
    cost, costs = dtw_ndim.warping_paths_fast(left, right)
    peer.best_path(costs)
    return float(cost)


METHODS: dict[str, tuple[Method, str]] = {
    "product": (product, "numpy"),
    "product of torch": (torch_product, "torch"),
    "egoexobench": (ours, "numba"),
    "egoexobench, band 10 %": (banded, "numba"),
    "numpy rows": (numpy_rows, "numpy"),
    "librosa, features": (librosa_features, "librosa"),
    "librosa, our matrix": (librosa_matrix, "librosa"),
    "tslearn, cosine": (tslearn_cosine, "tslearn"),
    "tslearn, Euclidean": (tslearn_euclidean, "tslearn"),
    "dtaidistance, Euclidean": (dtaidistance_fast, "dtaidistance"),
}


def seconds(names: list[str], one: Rows, other: Rows, rounds: int) -> dict[str, list[float]]:
    """Wall seconds of one pair in every round of each method."""
    repeats = 20 if len(one) < 100 else 1
    found: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(-1, rounds):
        for name in names:
            start = time.perf_counter()
            for _ in range(repeats):
                METHODS[name][0](one, other)
            if turn >= 0:
                found[name].append((time.perf_counter() - start) / repeats)
    return found


def table(size: str, width: int, rounds: int) -> None:
    """Print one size: medians, ratios to the product of the same round, pairs a second, costs."""
    generator = np.random.default_rng(0)
    n, m = map(int, size.split("x"))
    one, other = (generator.normal(size=(k, width)).astype(np.float32) for k in (n, m))
    names = [name for name, (_, needs) in METHODS.items() if find_spec(needs)]
    found = seconds(names, one, other, rounds)
    print(f"\n{size} x {width}, {rounds} rounds")
    print("| method | median ms | / product | pairs/s | cost |\n|---|---|---|---|---|")
    for name in names:
        ratio = median(a / b for a, b in zip(found[name], found["product"], strict=True))
        middle, cost = median(found[name]), METHODS[name][0](one, other)
        told = "" if name.startswith("product") else f"{cost:.3f}"
        print(f"| {name} | {1e3 * middle:.3f} | {ratio:.2f} | {1 / middle:.0f} | {told} |")


def main() -> None:
    """Print one table per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=["60x64", "500x500", "1500x1500"])
    parser.add_argument("--width", type=int, default=768, help="features of a token")
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    threads = sorted({info["num_threads"] for info in threadpool_info()})
    print(f"numpy {np.__version__}, torch {torch.__version__}, threads {threads}")
    for size in asked.sizes:
        table(size, asked.width, asked.rounds)
    for name, (_, needs) in METHODS.items():
        if not find_spec(needs):
            print(f"{name}: {needs} is not installed, skipped")


if __name__ == "__main__":
    main()
