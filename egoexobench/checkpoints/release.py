"""One published file, and the parts that load it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class CheckpointConsumer:
    """A part that loads some of a file: its spec, and the width that a fusion is built for."""

    spec: str
    kind: Literal["encoder", "fusion"] = "encoder"
    width: int | None = None


@dataclass(frozen=True, slots=True)
class PublishedCheckpoint:
    """One published file; None stands for what its authors do not say.

    Args:
        file: its name, with a folder where two files have the same name.
        source: where its authors publish it.
        license: license of the weights.
        consumers: the parts that load all of it between them, except ``ignored_keys``.
        heads: attention heads, which no shape shows.
        note: what else a user should know.
        ignored_keys: patterns of tensors that no part loads, because nothing here uses them.
    """

    file: str
    source: str | None
    license: str | None
    consumers: tuple[CheckpointConsumer, ...]
    heads: str = ""
    note: str = ""
    ignored_keys: tuple[str, ...] = ()
