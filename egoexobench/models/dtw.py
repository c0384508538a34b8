"""Dynamic time warping between the sounds of a pair (Sakoe and Chiba 1978), full path.

For training only. A path needs both clips of a pair, and at test time the partner of a clip is what
a query asks for, so nothing is aligned there.

Paths are computed from frozen tokens, once per pair. A step moves by (1, 0), (0, 1) or (1, 1), all
of weight 1, and a path connects both ends. If several steps to a cell have the same cost, the path
takes the diagonal, then the step along the first sequence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import floor
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from egoexobench.errors import DataError, UsageError
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.models.dtw_kernels import (
    Floats,
    Integers,
    compute_costs,
    get_kernels,
    trace_paths,
)
from egoexobench.types import Pair, Tokens

_MIN_NORM, _MAX_NORM = np.float32(1e-15), np.float32(1e18)
"""A shorter vector counts as zero; float32 cannot represent the product of longer vectors."""

MAX_UNCOMPILED_CELLS = 20_000
"""Cells of all shapes together up to which the loops need not be compiled; each takes 20 us."""
PAIRS_AT_ONCE = 512
"""Pairs of one shape that are aligned together."""


@dataclass(frozen=True, slots=True)
class AlignmentPath:
    """A path through two sequences.

    ``cost`` is the sum of its distances. ``steps`` int64 ``(L, 2)`` are its cells: the index in the
    first and in the second sequence, from (0, 0) to (N - 1, M - 1).
    """

    cost: float
    steps: Integers


def compute_dtw_path(
    first: ArrayLike, second: ArrayLike, band: float | None = None
) -> AlignmentPath:
    """Align two sequences by cosine distance.

    Distances are computed in float32 from one matrix product and summed as whole numbers, so that
    ties do not depend on the order of summation. Distances below 2^-20, which float32 cannot
    distinguish from 0, are 0. A zero vector (shorter than 1e-15) has distance 1 from every vector.

    Args:
        first: ``(N, D)``.
        second: ``(M, D)``.
        band: half-width of the Sakoe-Chiba band, as a share (0 to 1) of the longer sequence; None
            means no band. The band follows the straight line between both ends:
            ``|i - j| <= band * N`` if N = M. If the lengths differ, it is at least as wide as half
            a step of the shorter sequence, so that a path always exists.

    Raises:
        DataError: for an empty sequence, different widths, or NaN or infinity.
        UsageError: for a band that is not between 0 and 1.
    """
    first, second = _check_sequences(first, second)
    norms = _compute_inverse_norms(first), _compute_inverse_norms(second)
    limits = _compute_band_limits(len(first), len(second), band)
    accumulate_costs, trace_path = get_kernels()
    steps = np.empty((len(first), len(second)), np.uint8)
    cost = accumulate_costs(first @ second.T, *norms, *limits, steps)
    cells = np.empty((len(first) + len(second) - 1, 2), np.int64)
    return AlignmentPath(cost, cells[trace_path(steps, cells) :].copy())


def align_pairs(
    bank: FeatureBank, pairs: Sequence[Pair], band: float | None = None
) -> dict[str, AlignmentPath]:
    """Align the ego clip with the exo clip of each pair.

    Args:
        bank: frozen tokens of the sound of the clips, rows ``(T, D)``.
        pairs: the pairs to align.
        band: as in `compute_dtw_path`.

    Returns:
        Paths by pair id; a pair with a clip without sound has no path.
    """
    with_sound = [pair for pair in pairs if bank.has(pair.ego.id) and bank.has(pair.exo.id)]
    sequences = {pair.id: _check_sequences(*_get_rows(bank, pair)) for pair in with_sound}
    shapes = {(len(first), len(second)) for first, second in sequences.values()}
    if sum(rows * columns for rows, columns in shapes) > MAX_UNCOMPILED_CELLS:
        return {name: compute_dtw_path(*both, band) for name, both in sequences.items()}
    paths = dict(_align_by_shape(sequences, band))
    return {name: paths[name] for name in sequences}


def _get_rows(bank: FeatureBank, pair: Pair) -> tuple[NDArray[Any], NDArray[Any]]:
    return bank.get(pair.ego.id), bank.get(pair.exo.id)


def _align_by_shape(
    sequences: Mapping[str, tuple[Floats, Floats]], band: float | None
) -> Iterator[tuple[str, AlignmentPath]]:
    """Yield the path of each pair of sequences, by shape."""
    by_shape: dict[tuple[int, int], list[str]] = {}
    for name, (first, second) in sequences.items():
        by_shape.setdefault((len(first), len(second)), []).append(name)
    for shape, names_of_shape in by_shape.items():
        limits = _compute_band_limits(*shape, band)
        for start in range(0, len(names_of_shape), PAIRS_AT_ONCE):
            names = names_of_shape[start : start + PAIRS_AT_ONCE]
            costs = [_compute_pair_costs(*sequences[name]) for name in names]
            for name, path in zip(names, trace_paths(np.stack(costs), *limits), strict=True):
                yield name, AlignmentPath(*path)


def _compute_pair_costs(first: Floats, second: Floats) -> NDArray[np.int32]:
    return compute_costs(
        first @ second.T, _compute_inverse_norms(first), _compute_inverse_norms(second)
    )


def _check_sequences(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats]:
    """Return both sequences in float32.

    Raises:
        DataError: for an empty sequence or different widths.
    """
    first, second = np.asarray(first, np.float32), np.asarray(second, np.float32)
    are_sequences = first.ndim == second.ndim == 2 and len(first) > 0 < len(second)
    if not (are_sequences and first.shape[1] == second.shape[1]):
        raise DataError(
            "alignment needs two sequences (N, D) and (M, D) of the same width with at least one "
            f"token, found {first.shape} and {second.shape}"
        )
    return first, second


def warp_pair(
    first: Tokens, second: Tokens, paths: Sequence[AlignmentPath | None]
) -> tuple[Tokens, Tokens]:
    """Read both sequences of each row along the path of the row.

    Args:
        first: ``(B, T1, D)``, with padding after the real tokens.
        second: ``(B, T2, D)``, the same.
        paths: one per row; with None a row keeps its tokens.

    Returns:
        Both as ``(B, L, D)`` with masks ``(B, L)``; masked values are unspecified.

    Raises:
        ValueError: for a path of other numbers of tokens.
    """
    counts = torch.stack([first.mask.sum(1), second.mask.sum(1)], 1).tolist()
    for row, (path, count) in enumerate(zip(paths, counts, strict=True)):
        if path is not None and count != (expected := (path.steps[-1] + 1).tolist()):
            message = f"row {row} has {count} tokens, its path is for {expected}"
            raise ValueError(message)
    longest = max(first.mask.shape[1], second.mask.shape[1])
    length = max((longest if path is None else len(path.steps) for path in paths), default=longest)
    return _read_along_paths(first, paths, 0, length), _read_along_paths(second, paths, 1, length)


def _read_along_paths(
    tokens: Tokens, paths: Sequence[AlignmentPath | None], side: int, length: int
) -> Tokens:
    rows, count = tokens.mask.shape
    indices = np.tile(np.minimum(np.arange(length), max(count - 1, 0)), (rows, 1))
    mask = np.zeros((rows, length), bool)
    shared = min(count, length)
    mask[:, :shared] = tokens.mask[:, :shared].numpy(force=True)
    for row, path in enumerate(paths):
        if path is not None:
            indices[row, : len(path.steps)] = path.steps[:, side]
            mask[row] = np.arange(length) < len(path.steps)
    device = tokens.values.device
    index = torch.from_numpy(indices).to(device)
    values = tokens.values[torch.arange(rows, device=device)[:, None], index]  # (B, L, D)
    return Tokens(values, torch.from_numpy(mask).to(device))


def _compute_inverse_norms(vectors: Floats) -> Floats:
    """Return one over the length of each vector, 0 for zero vectors."""
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    is_valid = lengths < _MAX_NORM
    if not is_valid.all():
        raise DataError(
            f"token {int(is_valid.argmin())} of a sequence contains NaN or infinity or is longer "
            f"than {_MAX_NORM:.0e}; a cosine needs finite values"
        )
    inverse_norms: Floats = (lengths > _MIN_NORM) / np.maximum(lengths, _MIN_NORM)
    return inverse_norms


def _compute_band_limits(rows: int, columns: int, share: float | None) -> tuple[Integers, Integers]:
    """Return the first column and the one after the last of each row.

    A cell is in the band if ``|i (M - 1) - j (N - 1)| <= reach``. In steps of the longer sequence
    the reach is ``share`` of its length, and at least half of one step of the shorter sequence.
    Then the columns of neighboring rows are always one step apart.
    """
    if share is not None and not 0 <= share <= 1:
        raise UsageError(f"band={share} is not valid: use a share of the longer sequence, 0 to 1")
    longer, shorter = max(rows, columns), min(rows, columns)
    if share is None or shorter == 1:
        return np.zeros(rows, np.int64), np.full(rows, columns, np.int64)
    reach = floor(max(share * longer * (shorter - 1), (longer - 1) / 2))
    line = np.arange(rows, dtype=np.int64) * (columns - 1)
    starts = -((reach - line) // (rows - 1))  # the quotient rounded up
    stops = (line + reach) // (rows - 1) + 1
    return np.maximum(starts, 0), np.minimum(stops, columns)
