"""Batches of training pairs in which every other pair is a negative."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from egoexobench.training.moments import PairMoments

Batch = list[int]
"""Indices of pairs."""


def draw_batches(
    moments: PairMoments, size: int, rng: torch.Generator, order: Sequence[int] | None = None
) -> list[Batch]:
    """Return the batches of one epoch, each with two pairs or more.

    The pairs are put in random order, and each goes into the first batch that has room for it and
    no pair of the same moment. If this needs more batches than the pairs fill, or leaves a pair
    alone, the sizes are balanced. Without pairs of one moment, the batches are the random order
    cut into pieces, and a last piece of one pair is left out.

    Args:
        moments: of all training pairs.
        size: largest number of pairs in a batch.
        rng: decides the order.
        order: indices of all pairs, instead of a random order.
    """
    if order is None:
        order = torch.randperm(len(moments.by_pair), generator=rng).tolist()
    order = list(order)
    if not moments.has_conflicts:
        batches = [order[start : start + size] for start in range(0, len(order), size)]
    else:
        batches = _fill_batches(moments, order, size)
        if len(batches) > math.ceil(len(order) / size) or len(batches[-1]) == 1:
            _spread_pairs(moments, batches)
            _join_singles(moments, batches)
    return [batch for batch in batches if len(batch) > 1]


def count_batches(moments: PairMoments, size: int, rng: torch.Generator, num_epochs: int) -> int:
    """Return the number of steps of a training; ``rng`` is used as by that many draws."""
    if not moments.has_conflicts:
        return num_epochs * math.ceil(len(moments.by_pair) / size)
    return sum(len(draw_batches(moments, size, rng)) for _ in range(num_epochs))


def _fill_batches(moments: PairMoments, order: Sequence[int], size: int) -> list[Batch]:
    batches: list[Batch] = []
    remaining = list(order)
    while remaining:
        batch, blocked, deferred = Batch(), set[int](), Batch()
        for position, pair in enumerate(remaining):
            if len(batch) == size:
                deferred += remaining[position:]
                break
            if moments.is_free(pair, blocked):
                batch.append(pair)
                blocked |= moments.list_blocked([pair])
            else:
                deferred.append(pair)
        batches.append(batch)
        remaining = deferred
    return batches


def _spread_pairs(moments: PairMoments, batches: Sequence[Batch]) -> None:
    """Move pairs from large batches to small ones, towards the mean size, but to two or more."""
    target = max(2, sum(map(len, batches)) // len(batches))
    for small in batches:
        for large in sorted(batches, key=len, reverse=True) if len(small) < target else ():
            blocked = moments.list_blocked(small)
            for pair in large[::-1]:
                if len(small) == target or len(large) <= target:
                    break
                if moments.is_free(pair, blocked):
                    large.remove(pair)
                    small.append(pair)
                    blocked |= moments.list_blocked([pair])


def _join_singles(moments: PairMoments, batches: Sequence[Batch]) -> None:
    """Split a batch between two pairs that are alone and do not fit together, while there are."""
    singles = [batch for batch in batches if len(batch) == 1]
    while len(singles) > 1 and _swap_single(moments, singles, batches):
        singles = [batch for batch in singles if len(batch) == 1]


def _swap_single(moments: PairMoments, singles: Sequence[Batch], batches: Sequence[Batch]) -> bool:
    """Let the last single take the place of a pair that then joins another single."""
    last, others = singles[-1], singles[:-1]
    for batch in batches:
        for pair in list(batch) if len(batch) > 1 else ():
            rest = [other for other in batch if other != pair]
            if not moments.is_free(last[0], moments.list_blocked(rest)):
                continue
            blocked = moments.list_blocked([pair])
            partner = next(
                (single for single in others if moments.is_free(single[0], blocked)), None
            )
            if partner:
                partner.append(pair)
                batch[batch.index(pair)] = last.pop()
                return True
    return False
