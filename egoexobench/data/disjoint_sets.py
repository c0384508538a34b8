"""Sets of names that are joined pairwise (union-find)."""

from __future__ import annotations

from typing import final


@final
class DisjointSets:
    """Sets of names; each set is represented by its smallest name.

    >>> sets = DisjointSets()
    >>> sets.join("b", "c")
    >>> sets.join("c", "a")
    >>> sets.find("b"), sets.find("d")
    ('a', 'd')
    """

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def find(self, name: str) -> str:
        """Return the smallest name of the set that contains a name."""
        parents = self._parents
        while (parent := parents.get(name, name)) != name:
            parents[name] = name = parents.get(parent, parent)
        return name

    def join(self, left: str, right: str) -> None:
        """Join the sets of two names."""
        if left == right:
            return
        first, second = sorted((self.find(left), self.find(right)))
        self._parents[second] = first
