"""Which items share a forward pass, and in which order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from egoexobench.hashing import sort_by_hash
from egoexobench.types import VIEWS, View


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """Cuts items into batches, after it has put each group of them into an order of its own.

    A group is the clips of one view, or texts. Two clips of a pair are in two groups, so that
    neither the position of a clip nor its neighbors say anything about its partner.
    """

    seed: int = 0
    """Another seed, another order."""
    size: int = 256
    """Largest number of items of a batch."""
    views: tuple[View, ...] = VIEWS
    """The view that is computed first stands first."""
    is_padded: bool = False
    """Pad every item to more rows than the longest one has."""

    def sort(self, names: Iterable[str], group: str) -> list[str]:
        """Return the names of a group in the order of the plan."""
        return sort_by_hash(names, f"{self.seed} {group}")

    def split(self, names: Iterable[str], group: str) -> list[list[str]]:
        """Return the batches of a group."""
        ordered = self.sort(names, group)
        return [ordered[start : start + self.size] for start in range(0, len(ordered), self.size)]


@final
class BatchSize:
    """Number of items of one forward pass; it is halved where the device has too little memory.

    Args:
        size: to begin with.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def shrink(self, num_items: int) -> None:
        """Take at most half of the number of items for which the memory was too small."""
        self.size = min(self.size, max(num_items // 2, 1))


MAX_BATCH_BYTES = 1 << 30
"""Size of the padded input from which on a batch gets no further item."""
SCORING_PLAN = BatchPlan()
"""How everything that is scored is embedded."""
ENCODING_PLAN = BatchPlan(size=16)
"""How frozen encoders run on the CPU; more items at once are not faster there."""
CUDA_BATCH_SIZE = 64
"""Items of one forward pass on a GPU, which is idle with fewer; halved until they fit."""
