"""The features of one encoder on disk, in files that are written atomically.

A folder contains the features of one encoder under one sampling rule. `signature.json` in it
describes both, and the name of the folder is its hash. A process that is killed loses only the file
that it was writing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, final

from egoexobench.features import feature_file
from egoexobench.features.feature_file import FeatureRows
from egoexobench.files import atomic_path, remove_stale_drafts
from egoexobench.hashing import hash_json

__all__ = ["SIGNATURE_FILE", "FeatureRows", "FeatureStore"]

SIGNATURE_FILE = "signature.json"


@final
class FeatureStore:
    """The features of one encoder.

    Args:
        root: folder of all stores.
        signature: everything that decides the rows; its hash names the folder.

    Raises:
        DataError: for a file that is not complete.
    """

    def __init__(self, root: Path, signature: dict[str, Any]) -> None:
        self.folder = root / hash_json(signature)
        file = self.folder / SIGNATURE_FILE
        if not file.exists():
            with atomic_path(file) as tmp_path:
                tmp_path.write_text(json.dumps(signature, indent=1, default=str))
        remove_stale_drafts(self.folder)
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
        """The files of the store."""
        return sorted(self.folder.glob("*.safetensors"))

    def put(self, keys: Sequence[str], items: Sequence[FeatureRows]) -> None:
        """Add items as one file.

        Args:
            keys: one per item.
            items: rows of one dtype and, but for the first axis, one shape.
        """
        path = self.folder / f"{hash_json(list(keys))}.safetensors"
        with atomic_path(path) as tmp_path:
            feature_file.write_feature_file(tmp_path, keys, items)
        self._items.update(feature_file.read_feature_file(path))
