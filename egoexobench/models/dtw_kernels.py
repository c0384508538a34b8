"""The two loops of dynamic time warping.

For long sequences they are compiled when first used and cached on disk. For short ones, numpy runs
them for all pairs of the same shape at once: to load the compiled loops takes a second.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from egoexobench.extras import require_library

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
_TICKS = np.float32(2**24)
"""Cost units in a distance of 1. One minus a cosine in float32 is a multiple of 2^-24."""
_NOISE = np.int32(2**4)
"""Cost below which a distance is 0: float32 cannot distinguish two such directions."""
_FAR = np.int64(2**60)
"""Cost of a cell outside of the band; no path has such a cost."""
_ONE = np.float32(1)


@cache
def get_kernels() -> tuple[Callable[..., float], Callable[..., int]]:
    """Return both loops as machine code: ``accumulate`` and ``trace``.

    Numba caches them beside this file, in the cache folder of the user or in ``NUMBA_CACHE_DIR``.
    If no folder can be written, each process compiles again, which takes a second.

    Raises:
        UsageError: if numba is not installed.
    """
    require_library("numba", "the alignment of long sequences")
    import numba

    def compile_kernels(use_cache: bool) -> tuple[Callable[..., float], Callable[..., int]]:
        form = "f8(f4[:,::1], f4[::1], f4[::1], i8[::1], i8[::1], u1[:,::1])"
        accumulate = numba.njit(form, cache=use_cache, nogil=True)(_accumulate_costs)
        return accumulate, numba.njit("i8(u1[:,::1], i8[:,::1])", cache=use_cache, nogil=True)(
            _trace_path
        )

    try:
        return compile_kernels(use_cache=True)
    except (
        Exception
    ):  # no folder can be written, or the cache is damaged; an error in the loops is raised again
        return compile_kernels(use_cache=False)


def compute_costs(
    product: Floats, first_inverse_norms: Floats, second_inverse_norms: Floats
) -> NDArray[np.int32]:
    """Return the cost of each cell ``(N, M)``, in the same steps as the compiled loop."""
    distances = _ONE - product * first_inverse_norms[:, None] * second_inverse_norms
    costs: NDArray[np.int32] = (distances * _TICKS).astype(np.int32)
    costs[costs < _NOISE] = 0
    return costs


def trace_paths(
    costs: NDArray[np.int32], starts: Integers, stops: Integers
) -> list[tuple[float, Integers]]:
    """Return the least cost and the cells ``(L, 2)`` of the path of each of P pairs.

    Args:
        costs: of the cells of pairs of one shape, ``(P, N, M)``.
        starts: the first column of each row that is in the band, ``(N,)``.
        stops: the column after the last one.
    """
    num_pairs, num_rows, num_columns = costs.shape
    by_cell = np.ascontiguousarray(costs.transpose(1, 2, 0))
    steps = np.empty(by_cell.shape, np.uint8)
    row = np.full((num_columns + 1, num_pairs), _FAR)
    row[0] = 0
    for i in range(num_rows):
        corner, left = row[starts[i]].copy(), np.full(num_pairs, _FAR)
        row[starts[i]] = _FAR
        for j in range(starts[i], stops[i]):
            above = row[j + 1].copy()
            steps[i, j] = above < corner
            best = np.minimum(corner, above)
            steps[i, j][left < best] = 2
            corner, left = above, np.minimum(best, left) + by_cell[i, j]
            row[j + 1] = left
    paths = []
    for cost, of_pair in zip(row[-1].tolist(), np.moveaxis(steps, 2, 0), strict=True):
        cells = np.empty((num_rows + num_columns - 1, 2), np.int64)
        paths.append((cost / 2**24, cells[_trace_path(of_pair, cells) :].copy()))
    return paths


def _accumulate_costs(
    product: Floats,
    first_inverse_norms: Floats,
    second_inverse_norms: Floats,
    starts: Integers,
    stops: Integers,
    steps: NDArray[np.uint8],
) -> float:
    """Return the least cost; set ``steps (N, M)`` to how each cell is reached: 0, 1 or 2.

    ``row`` contains the costs of the row above at positions ``j + 1``, `_FAR` outside of the band.
    It is overwritten from the left. No end of the band moves back from one row to the next. Costs
    are whole numbers, because each cell needs the previous one, and adding floats takes twice as
    long.
    """
    row = np.full(product.shape[1] + 1, _FAR)
    row[0] = 0
    costs = np.empty(product.shape[1], np.int32)
    for i in range(product.shape[0]):
        first, stop = starts[i], stops[i]
        for j in range(first, stop):
            cost = np.int32(
                (_ONE - product[i, j] * first_inverse_norms[i] * second_inverse_norms[j]) * _TICKS
            )
            costs[j] = cost if cost >= _NOISE else 0
        corner, row[first], left = row[first], _FAR, _FAR
        for j in range(first, stop):
            above = row[j + 1]
            best, step = corner, 0
            if above < best:
                best, step = above, 1
            if left < best:
                best, step = left, 2
            steps[i, j] = step
            corner, left = above, best + costs[j]
            row[j + 1] = left
    return float(row[-1] / 2**24)


def _trace_path(steps: NDArray[np.uint8], cells: Integers) -> int:
    """Write the path to the end of ``cells (N + M - 1, 2)``; return the index of its start."""
    i, j, index = steps.shape[0] - 1, steps.shape[1] - 1, len(cells) - 1
    cells[index, 0], cells[index, 1] = i, j
    while i > 0 or j > 0:
        step = steps[i, j]
        if step != 2:
            i -= 1
        if step != 1:
            j -= 1
        index -= 1
        cells[index, 0], cells[index, 1] = i, j
    return index
