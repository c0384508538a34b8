"""Which tensors of a checkpoint are used, and a checkpoint that is read once for several parts."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, ValuesView
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, final

from torch import Tensor


@final
class TrackedStateDict(dict[str, Tensor]):
    """A state dictionary that records which tensors were read; iterating over keys reads none."""

    def __init__(self, state_dict: dict[str, Tensor]) -> None:
        super().__init__(state_dict)
        self.used_keys: set[str] = set()

    def __getitem__(self, key: str) -> Tensor:
        self.used_keys.add(key)
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        # with a method of its own, `dict(state)` and `{**state}` get items one by one
        return super().__iter__()

    def get(self, key: str, default: Any = None) -> Any:
        """Return a tensor as ``dict.get`` does, and record it."""
        if key in self:
            self.used_keys.add(key)
        return super().get(key, default)

    def items(self) -> ItemsView[str, Tensor]:  # type: ignore[override]
        """Return keys and tensors as ``dict.items`` does, and record all."""
        self.used_keys.update(self)
        return super().items()

    def values(self) -> ValuesView[Tensor]:  # type: ignore[override]
        """Return tensors as ``dict.values`` does, and record all."""
        self.used_keys.update(self)
        return super().values()


_OVERRIDE: ContextVar[tuple[Path, Any] | None] = ContextVar("checkpoint override", default=None)


@contextmanager
def override_checkpoint(path: Path, checkpoint: Any) -> Iterator[None]:
    """Inside the context, reading ``path`` returns this checkpoint and opens no file."""
    token = _OVERRIDE.set((path, checkpoint))
    try:
        yield
    finally:
        _OVERRIDE.reset(token)


def get_current_override(path: Path) -> Any:
    """Return the checkpoint that replaces a file in this context, or None."""
    override = _OVERRIDE.get()
    return override[1] if override and override[0] == path else None
