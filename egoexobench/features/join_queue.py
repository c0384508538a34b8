"""Which small files of a store are joined to one, and when."""

from __future__ import annotations

from typing import NamedTuple, final

from egoexobench.features.feature_header import FileLayout

JOIN_COUNT = 16
"""Small files of similar size that are joined to one file."""
JOIN_BYTES = 256 << 20
"""Size from which on small files are joined, even if they are few."""
LARGE_FILE_BYTES = JOIN_BYTES // 2
"""Size from which on a file is never joined."""


class _SizeClass(NamedTuple):
    """Small files that may be joined: of one format of rows, and joined equally often."""

    dtype: str
    shape: tuple[int, ...]
    level: int


@final
class JoinQueue:
    """The small files that one process has written, until there are enough to join them."""

    def __init__(self) -> None:
        self._waiting: dict[_SizeClass, list[FileLayout]] = {}

    def add(self, layout: FileLayout, level: int) -> list[FileLayout]:
        """Add a file; return the files that are to be joined now, or none.

        Args:
            layout: of the file.
            level: how often its rows were joined before.
        """
        if layout.size >= LARGE_FILE_BYTES:
            return []
        size_class = _SizeClass(layout.dtype, layout.shape, level)
        layouts = self._waiting.setdefault(size_class, [])
        layouts.append(layout)
        if len(layouts) < JOIN_COUNT and sum(file.size for file in layouts) < JOIN_BYTES:
            return []
        return self._waiting.pop(size_class)

    def pop_all(self) -> list[list[FileLayout]]:
        """Return all files that can be joined, those of one format together, and forget them."""
        by_format: dict[tuple[str, tuple[int, ...]], list[FileLayout]] = {}
        for size_class, layouts in self._waiting.items():
            by_format.setdefault(size_class[:2], []).extend(layouts)
        self._waiting = {}
        return [layouts for layouts in by_format.values() if len(layouts) > 1]
