"""One published file, and the parts that take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Share:
    """A part that takes its share of a file: its spec, and the width that a fusion is made for."""

    spec: str
    kind: Literal["encoder", "fusion"] = "encoder"
    width: int | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """One published file.

    ``shares`` are the parts that take all of it between them, but for tensors named in ``spare``,
    which nothing here computes with. ``heads`` are attention heads, which no shape shows.
    """

    file: str
    where: str | None
    licence: str | None
    shares: tuple[Share, ...]
    heads: str = ""
    note: str = ""
    spare: tuple[str, ...] = ()
