"""Says why clips and texts are encoded although an older version of the encoder has encoded them.

Stores of one folder are compared by their signatures. A store is older if its encoder has the same
name, options and sampling, and other code, libraries or files.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from egoexobench.errors import DataError, notify
from egoexobench.features.feature_store import FeatureStore
from egoexobench.features.store_signature import SIGNATURE_FILE, read_signature
from egoexobench.hashing import hash_json
from egoexobench.identity import format_part, is_same_part, list_part_changes

_STATE = ("encoder", "weights", "numbers", "tables", "seed")
"""Fields of a signature that differ between versions of an encoder; the others are chosen."""


@dataclass(frozen=True, slots=True)
class _OlderStore:
    signature: dict[str, Any]
    changes: tuple[str, ...]
    has_other_state: bool
    written: float

    @property
    def distance(self) -> tuple[int, bool, float]:
        num_differences = len(self.changes) + self.has_other_state
        return num_differences, self.has_other_state, -self.written


def explain_new_clips(root: Path, signature: Mapping[str, Any], keys: Collection[str]) -> None:
    """Say in one line why clips are encoded again; nothing if no older version encoded them.

    Args:
        root: folder of all stores.
        signature: of the store that does not have the clips yet.
        keys: one for each clip; those of equal content have the same.
    """
    older, num_again = _find_nearest(root, signature, keys)
    if older:
        _notify_once(
            root / hash_json(signature),
            f"{_format_changes(signature, older)}: {num_again} clips are encoded again",
        )


def explain_new_texts(root: Path, signature: Mapping[str, Any], keys: Collection[str]) -> None:
    """Say the same of texts, which are encoded in several steps, once."""
    older, _ = _find_nearest(root, signature, keys)
    if older:
        _notify_once(
            root / hash_json(signature),
            f"{_format_changes(signature, older)}: its texts are encoded again",
        )


@cache
def _notify_once(store: Path, message: str) -> None:  # noqa: ARG001 - the same for another store
    notify(message)


def _format_changes(signature: Mapping[str, Any], older: _OlderStore) -> str:
    return f"{format_part(signature['encoder'])} changed ({', '.join(older.changes)})"


def _find_nearest(
    root: Path, signature: Mapping[str, Any], keys: Collection[str]
) -> tuple[_OlderStore | None, int]:
    """Return the most similar older store with any of the keys, and how many it has.

    None if it is of the same code: only its random numbers differ, as those of another seed do.
    """
    if not keys or not isinstance(signature["encoder"], dict):
        return None, 0
    written = json.loads(json.dumps(signature, default=str))  # as it is in a file
    stores = sorted(_iter_older_stores(root, written), key=lambda store: store.distance)
    for store in stores:
        items = FeatureStore(root, store.signature, require_checksums=False)
        if num_again := sum(key in items for key in keys):
            return (store, num_again) if store.changes else (None, 0)
    return None, 0


def _iter_older_stores(root: Path, signature: Mapping[str, Any]) -> Iterator[_OlderStore]:
    chosen = {key: value for key, value in signature.items() if key not in _STATE}
    new = signature["encoder"]
    for file in root.glob(f"*/{SIGNATURE_FILE}"):
        try:
            other = read_signature(file.parent)
        except (OSError, DataError):  # an older store that is damaged is of no interest
            continue
        old = other.get("encoder")
        if not isinstance(old, dict) or not is_same_part(old, new):
            continue  # also the stores of versions up to 0.1, which list nothing
        if chosen != {key: value for key, value in other.items() if key not in _STATE}:
            continue
        changes = tuple(list_part_changes(old, new))
        has_other_state = any(other.get(key) != signature.get(key) for key in _STATE[1:])
        if changes or has_other_state:
            yield _OlderStore(other, changes, has_other_state, file.stat().st_mtime)
