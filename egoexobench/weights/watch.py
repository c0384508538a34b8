"""Which tensors of a checkpoint are taken, and a checkpoint that is read once for several parts."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, ValuesView
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, final

from torch import Tensor


@final
class Watched(dict[str, Tensor]):
    """A state that remembers which of its tensors were taken; looking at a name takes nothing."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__(state)
        self.taken: set[str] = set()

    def __getitem__(self, key: str) -> Tensor:
        self.taken.add(key)
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        # with a method of its own, `dict(state)` and `{**state}` ask for items one by one
        return super().__iter__()

    def get(self, key: str, default: Any = None) -> Any:
        """As of a dictionary."""
        if key in self:
            self.taken.add(key)
        return super().get(key, default)

    def items(self) -> ItemsView[str, Tensor]:  # type: ignore[override]
        """As of a dictionary; all are taken."""
        self.taken.update(self)
        return super().items()

    def values(self) -> ValuesView[Tensor]:  # type: ignore[override]
        """As of a dictionary; all are taken."""
        self.taken.update(self)
        return super().values()


_HELD: ContextVar[tuple[Path, Any] | None] = ContextVar("held", default=None)


@contextmanager
def holding(path: Path, checkpoint: Any) -> Iterator[None]:
    """Inside, whoever reads that file is given this checkpoint."""
    token = _HELD.set((path, checkpoint))
    try:
        yield
    finally:
        _HELD.reset(token)


def held(path: Path) -> Any:
    """Return the checkpoint that stands for a file, or None."""
    known = _HELD.get()
    return known[1] if known and known[0] == path else None
