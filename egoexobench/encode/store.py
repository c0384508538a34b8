"""Encoder output on disk: safetensors shards, written whole or not at all, read by memory map.

A folder holds what one encoder made under one sampling. A shard holds the rows of many items laid
end to end, and in its header the item keys, the number of rows of each and what became of its
source; an item without rows is one whose source was missing (a clip without sound), which is kept
apart from zeros by construction. A process that is killed loses only the shard it was writing.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from egoexobench.atomic import whole
from egoexobench.errors import DataError
from egoexobench.fingerprint import digest

_TYPES = {"F16": np.float16, "F32": np.float32, "U8": np.uint8, "I64": np.int64}


@dataclass(frozen=True, slots=True)
class Item:
    """Rows ``(T, ...)`` of one item and the state of its source, such as ``heard``."""

    rows: NDArray[Any]
    state: str


@final
class Store:
    """What one encoder made.

    Args:
        root: cache folder of all stores.
        signature: everything that decides the rows; its hash names the folder.
    """

    def __init__(self, root: Path, signature: dict[str, Any]) -> None:
        self.folder = root / digest(signature)
        about = self.folder / "signature.json"
        if not about.exists():
            with whole(about) as draft:
                draft.write_text(json.dumps(signature, indent=1, default=str))
        self._items: dict[str, Item] = {}
        for shard in sorted(self.folder.glob("*.safetensors")):
            self._items.update(_read(shard))

    def __contains__(self, key: str) -> bool:
        return key in self._items

    def __getitem__(self, key: str) -> Item:
        return self._items[key]

    def put(self, keys: Sequence[str], items: Sequence[Item]) -> None:
        """Add items as one shard.

        Args:
            keys: one per item.
            items: rows of one dtype and, but for the first axis, one shape.
        """
        present = [item.rows for item in items if len(item.rows)]
        rows = np.concatenate(present) if present else np.zeros((0, 1), np.float32)
        header = {
            "keys": json.dumps(list(keys)),
            "lengths": json.dumps([len(item.rows) for item in items]),
            "states": json.dumps([item.state for item in items]),
        }
        shard = self.folder / f"{digest(list(keys))}.safetensors"
        with whole(shard) as draft:
            save_file({"rows": np.ascontiguousarray(rows)}, draft, metadata=header)
        self._items.update(_read(shard))


def _read(shard: Path) -> dict[str, Item]:
    try:
        with shard.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size))
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        about, tensor = header["__metadata__"], header["rows"]
        keys, lengths = json.loads(about["keys"]), json.loads(about["lengths"])
        states = json.loads(about["states"])
        start, stop = tensor["data_offsets"]
        count = (stop - start) // np.dtype(_TYPES[tensor["dtype"]]).itemsize
        flat = np.frombuffer(data, _TYPES[tensor["dtype"]], count, 8 + size + start)
        rows = flat.reshape(tensor["shape"])
    except (ValueError, KeyError, OSError) as error:
        raise DataError(
            f"{shard} is not a complete shard ({error}); delete it and run again"
        ) from error
    edges = np.concatenate([[0], np.cumsum(lengths)])
    return {key: Item(rows[edges[i] : edges[i + 1]], states[i]) for i, key in enumerate(keys)}
