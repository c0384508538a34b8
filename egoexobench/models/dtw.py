"""Dynamic time warping between the sounds of a pair (Sakoe and Chiba 1978), full path.

For training only: a path needs both clips of a pair, and at test time the partner of a clip is what
is looked for, so there nothing is aligned.

Paths are found in frozen tokens, once per pair. A step moves by (1, 0), (0, 1) or (1, 1), all of
weight 1, and the ends are tied together. Of equal ways to a cell the path takes the diagonal, then
the one along the first sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

import numpy as np
import torch
from numpy.typing import ArrayLike

from egoexobench.errors import DataError, UsageError
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.models.dtw_kernels import Floats, Integers, get_kernels
from egoexobench.types import Pair, Tokens

_MIN_NORM, _MAX_NORM = np.float32(1e-15), np.float32(1e18)
"""Lengths of vectors: below is zero, from above on float32 does not hold their product."""


@dataclass(frozen=True, slots=True)
class AlignmentPath:
    """A way through two sequences.

    ``cost`` is the sum of its distances; ``steps`` int64 ``(L, 2)`` are its cells, the place in the
    one and in the other sequence, from (0, 0) to (N - 1, M - 1).
    """

    cost: float
    steps: Integers


def compute_dtw_path(
    first: ArrayLike, second: ArrayLike, band: float | None = None
) -> AlignmentPath:
    """Align two sequences by cosine distance.

    Distances are computed in float32 from one matrix product and summed as whole numbers, so that a
    tie is one whatever the order of summation; below 2^-20, what float32 cannot tell from 0, they
    are 0. A vector of zeros (shorter than 1e-15) is at distance 1 from every vector.

    Args:
        one: ``(N, D)``.
        other: ``(M, D)``.
        band: half-width of the Sakoe-Chiba band, as a share (0 to 1) of the longer sequence; None
            is no band. It lies along the straight line between both ends, ``|i - j| <= band * N``
            where N = M. Where lengths differ it is at least as wide as half a step of the shorter
            sequence, so that a path always exists.

    Raises:
        DataError: for an empty sequence, one of another width, or a value that is not finite.
        UsageError: for a band that is no share.
    """
    first, second = np.asarray(first, np.float32), np.asarray(second, np.float32)
    two = first.ndim == second.ndim == 2 and len(first) > 0 < len(second)
    if not (two and first.shape[1] == second.shape[1]):
        raise DataError(
            "a path leads through two sequences (N, D) and (M, D) of one width and at least one "
            f"token, found {first.shape} and {second.shape}"
        )
    scales = _inverse_norms(first), _inverse_norms(second)
    starts, stops = _band_limits(len(first), len(second), band)
    accumulate, trace = get_kernels()
    ways = np.empty((len(first), len(second)), np.uint8)
    cost = accumulate(first @ second.T, *scales, starts, stops, ways)
    cells = np.empty((len(first) + len(second) - 1, 2), np.int64)
    return AlignmentPath(cost, cells[trace(ways, cells) :].copy())


def align_pairs(
    bank: FeatureBank, pairs: Sequence[Pair], band: float | None = None
) -> dict[str, AlignmentPath]:
    """Align the ego clip with the exo clip of each pair.

    Args:
        bank: frozen tokens of the sound of the clips, rows ``(T, D)``.
        pairs: what to align.
        band: as in `dtw`.

    Returns:
        Paths by pair id; a pair of which a clip has no sound has none.
    """
    return {
        pair.id: compute_dtw_path(bank.get(pair.ego.id), bank.get(pair.exo.id), band)
        for pair in pairs
        if bank.has(pair.ego.id) and bank.has(pair.exo.id)
    }


def warp_pair(
    first: Tokens, second: Tokens, paths: Sequence[AlignmentPath | None]
) -> tuple[Tokens, Tokens]:
    """Read both sequences of each row along the row's path.

    Args:
        one: ``(B, T1, D)``, padding behind the real tokens.
        other: ``(B, T2, D)``, likewise.
        paths: one per row; a row of None keeps its tokens as they are.

    Returns:
        Both, ``(B, L, D)`` and their masks ``(B, L)``; what stands behind a mask is unspecified.

    Raises:
        ValueError: for a path that was made for other numbers of tokens.
    """
    counts = torch.stack([first.mask.sum(1), second.mask.sum(1)], 1).tolist()
    for row, (path, found) in enumerate(zip(paths, counts, strict=True)):
        if path is not None and found != (asked := (path.steps[-1] + 1).tolist()):
            message = f"row {row} has {found} tokens, its path is for {asked}"
            raise ValueError(message)
    kept = max(first.mask.shape[1], second.mask.shape[1])
    length = max((kept if path is None else len(path.steps) for path in paths), default=kept)
    return _read_along_paths(first, paths, 0, length), _read_along_paths(second, paths, 1, length)


def _read_along_paths(
    tokens: Tokens, paths: Sequence[AlignmentPath | None], side: int, length: int
) -> Tokens:
    rows, count = tokens.mask.shape
    places = np.tile(np.minimum(np.arange(length), max(count - 1, 0)), (rows, 1))
    mask = np.zeros((rows, length), bool)
    shared = min(count, length)
    mask[:, :shared] = tokens.mask[:, :shared].numpy(force=True)
    for row, path in enumerate(paths):
        if path is not None:
            places[row, : len(path.steps)] = path.steps[:, side]
            mask[row] = np.arange(length) < len(path.steps)
    device = tokens.values.device
    index = torch.from_numpy(places).to(device)
    values = tokens.values[torch.arange(rows, device=device)[:, None], index]  # (B, L, D)
    return Tokens(values, torch.from_numpy(mask).to(device))


def _inverse_norms(vectors: Floats) -> Floats:
    """One over the length of each vector, 0 for zeros."""
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    fit = lengths < _MAX_NORM
    if not fit.all():
        raise DataError(
            f"token {int(fit.argmin())} of a sequence holds a value that is not finite or is "
            f"longer than {_MAX_NORM:.0e}; a cosine needs finite values"
        )
    scales: Floats = (lengths > _MIN_NORM) / np.maximum(lengths, _MIN_NORM)
    return scales


def _band_limits(rows: int, columns: int, share: float | None) -> tuple[Integers, Integers]:
    """First column and the one after the last, for each row: ``|i (M - 1) - j (N - 1)| <= reach``.

    In places of the longer sequence the reach is ``share`` of its length, at least half of what
    one step of the shorter is: then neighbouring rows always have columns a step apart.
    """
    if share is not None and not 0 <= share <= 1:
        raise UsageError(f"a band is a share of the longer sequence, 0 to 1, not {share}")
    longer, shorter = max(rows, columns), min(rows, columns)
    if share is None or shorter == 1:
        return np.zeros(rows, np.int64), np.full(rows, columns, np.int64)
    reach = floor(max(share * longer * (shorter - 1), (longer - 1) / 2))
    line = np.arange(rows, dtype=np.int64) * (columns - 1)
    starts = -((reach - line) // (rows - 1))  # the quotient rounded up
    stops = (line + reach) // (rows - 1) + 1
    return np.maximum(starts, 0), np.minimum(stops, columns)
