"""The two loops of dynamic time warping, compiled on their first use and kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
_TICKS = np.float32(2**24)
"""A distance is one minus a cosine in float32, which is a whole number of ticks of 2^-24."""
_NOISE = np.int32(2**4)
"""Ticks below which a distance is 0: there float32 cannot tell two directions apart."""
_FAR = np.int64(2**60)
"""Ticks that no path has: the cost of what is outside of the band."""
_ONE = np.float32(1)


@cache
def get_kernels() -> tuple[Callable[..., float], Callable[..., int]]:
    """Both loops as machine code, ``accumulate`` and ``trace``, from disk where it is kept.

    It is kept beside this file as byte code is, else in the user's cache folder, or where
    ``NUMBA_CACHE_DIR`` says. Where nothing can be written each process compiles anew, in a second.
    """
    import numba

    def machine_code(kept: bool) -> tuple[Callable[..., float], Callable[..., int]]:
        form = "f8(f4[:,::1], f4[::1], f4[::1], i8[::1], i8[::1], u1[:,::1])"
        accumulate = numba.njit(form, cache=kept, nogil=True)(_accumulate)
        return accumulate, numba.njit("i8(u1[:,::1], i8[:,::1])", cache=kept, nogil=True)(_trace)

    try:
        return machine_code(kept=True)
    except Exception:  # nowhere to keep it, or what is there is broken; an error of ours returns
        return machine_code(kept=False)


def _accumulate(
    product: Floats,
    first_norms: Floats,
    second_norms: Floats,
    starts: Integers,
    stops: Integers,
    steps: NDArray[np.uint8],
) -> float:
    """Return the least cost; set ``ways (N, M)`` to how each cell is reached: 0, 1 or 2.

    ``row`` holds the costs of the row above at places ``j + 1``, `_FAR` outside of the band, and is
    overwritten from the left. Neither end of the band ever moves back from row to row. Whole
    numbers, because each cell waits for the one before it: adding floats takes twice as long.
    """
    row = np.full(product.shape[1] + 1, _FAR)
    row[0] = 0
    costs = np.empty(product.shape[1], np.int32)
    for i in range(product.shape[0]):
        first, stop = starts[i], stops[i]
        for j in range(first, stop):
            cost = np.int32((_ONE - product[i, j] * first_norms[i] * second_norms[j]) * _TICKS)
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


def _trace(steps: NDArray[np.uint8], cells: Integers) -> int:
    """Write the path to the end of ``cells (N + M - 1, 2)``; return the place of its start."""
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
