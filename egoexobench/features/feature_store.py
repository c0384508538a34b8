"""Encoder output on disk: shards, written whole or not at all.

A folder holds what one encoder made under one sampling; `signature.json` in it says what that is,
and its hash is the folder's name. A process that is killed loses only the shard it was writing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, final

from egoexobench.features import feature_file
from egoexobench.features.feature_file import FeatureRows
from egoexobench.files import atomic_path
from egoexobench.hashing import hash_json

__all__ = ["SIGNATURE_FILE", "FeatureRows", "FeatureStore"]

SIGNATURE_FILE = "signature.json"
STALE_AFTER_S = 86_400
"""Seconds after which a draft is taken to be that of a process that was killed."""


@final
class FeatureStore:
    """What one encoder made.

    Args:
        root: cache folder of all stores.
        signature: everything that decides the rows; its hash names the folder.

    Raises:
        DataError: for a shard that is not whole.
    """

    def __init__(self, root: Path, signature: dict[str, Any]) -> None:
        self.folder = root / hash_json(signature)
        about = self.folder / SIGNATURE_FILE
        if not about.exists():
            with atomic_path(about) as draft:
                draft.write_text(json.dumps(signature, indent=1, default=str))
        self._remove_stale()
        self._items: dict[str, FeatureRows] = {}
        for path in self.list_files():
            self._items.update(feature_file.read_feature_file(path))

    def __contains__(self, key: str) -> bool:
        return key in self._items

    def __getitem__(self, key: str) -> FeatureRows:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def list_files(self) -> list[Path]:
        """The files that are there."""
        return sorted(self.folder.glob("*.safetensors"))

    def put(self, keys: Sequence[str], items: Sequence[FeatureRows]) -> None:
        """Add items as one file.

        Args:
            keys: one per item.
            items: rows of one dtype and, but for the first axis, one shape.
        """
        path = self.folder / f"{hash_json(list(keys))}.safetensors"
        with atomic_path(path) as draft:
            feature_file.write_feature_file(draft, keys, items)
        self._items.update(feature_file.read_feature_file(path))

    def _remove_stale(self) -> None:
        """Remove what killed processes left; what another one is writing now stays."""
        for draft in self.folder.glob(".*.draft"):
            if time.time() - draft.stat().st_mtime > STALE_AFTER_S:
                draft.unlink(missing_ok=True)
