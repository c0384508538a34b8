"""Merges the stores of several machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from egoexobench.errors import DataError
from egoexobench.features.feature_file import FeatureRows, read_feature_file
from egoexobench.features.feature_store import FeatureStore, count_items
from egoexobench.features.shard_receipt import (
    copy_receipts,
    find_finished_shards,
    find_recorded_size,
)
from egoexobench.features.store_signature import SIGNATURE_FILE, read_signature

RELATIVE_TOLERANCE = 1e-4
"""Largest difference between the rows of two machines, relative to the largest value."""


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What one store got: new items, and items that it already had."""

    folder: Path
    num_added: int
    num_existing: int


def merge_stores(
    sources: Sequence[Path], target: Path, *, partial: bool = False
) -> list[MergeResult]:
    """Add the stores below some folders to those of another folder.

    Args:
        sources: folders that contain stores, or stores.
        target: folder of the merged stores; its items stay.
        partial: merge also if a shard is missing.

    Raises:
        DataError: for a folder without stores, an incomplete store or file, a missing shard, a file
            that was lost, and an item with different rows in two stores. The target contains only
            complete files at any time, and items that were already added stay.
    """
    stores = [store for source in sources for store in _find_stores(source)]
    if not partial:
        for name in sorted({store.name for store in stores}):
            _check_complete(name, [*(s for s in stores if s.name == name), target / name])
        for store in stores:
            _check_size(store)
    return [_merge_store(store, target) for store in stores]


def _find_stores(source: Path) -> list[Path]:
    if (source / SIGNATURE_FILE).is_file():
        return [source]
    stores = sorted(file.parent for file in source.glob(f"*/{SIGNATURE_FILE}"))
    if not stores:
        raise DataError(f"{source} contains no store; `extract --out {source}` writes one")
    return stores


def _check_complete(name: str, folders: Iterable[Path]) -> None:
    """Check that every list of clips has a division of which all shards are finished."""
    finished: dict[tuple[str, int], set[int]] = {}
    for folder in folders:
        for shard in find_finished_shards(folder):
            finished.setdefault((shard.clip_list, shard.num_shards), set()).add(shard.number)
    if not finished:
        raise DataError(
            f"store {name} has no finished shard of `extract`; --partial merges what exists"
        )
    for clip_list in {clip_list for clip_list, _ in finished}:
        missing = {
            count: set(range(1, count + 1)) - numbers
            for (other, count), numbers in finished.items()
            if other == clip_list
        }
        if all(missing.values()):
            count, numbers = min(missing.items(), key=lambda item: len(item[1]))
            names = ", ".join(f"{number}/{count}" for number in sorted(numbers))
            raise DataError(
                f"store {name}: shard {names} is missing or was not finished; --partial merges "
                "what exists"
            )


def _check_size(store: Path) -> None:
    """Check that no file of a store was lost since its shards were finished."""
    recorded, present = find_recorded_size(store), count_items(store)
    if present < recorded:
        raise DataError(
            f"store {store} has {present} items, and had {recorded} when a shard was finished: a "
            "file is lost; extract again, or --partial merges what exists"
        )


def _merge_store(source: Path, target: Path) -> MergeResult:
    store, num_added, num_existing = (
        FeatureStore(target, read_signature(source), require_checksums=False),
        0,
        0,
    )
    for path in sorted(source.glob("*.safetensors")):
        items = read_feature_file(path)
        fresh = {key: items[key] for key in store.find_missing(items)}
        for key in items.keys() - fresh.keys():
            if not _are_close(items[key], store[key]):
                raise DataError(
                    f"{path} and {store.folder} contain different rows for {key}; one of them is "
                    "wrong: delete it and extract again"
                )
        if fresh:
            store.put(list(fresh), list(fresh.values()))
        num_added, num_existing = num_added + len(fresh), num_existing + len(items) - len(fresh)
    store.join_small_files()
    copy_receipts(source, store.folder)
    return MergeResult(store.folder, num_added, num_existing)


def _are_close(first: FeatureRows, second: FeatureRows) -> bool:
    if first.state != second.state or first.rows.shape != second.rows.shape:
        return False
    if not first.rows.size:
        return True
    difference = np.abs(first.rows.astype(np.float64) - second.rows.astype(np.float64)).max()
    largest = max(1.0, float(np.abs(second.rows).max()))
    return bool(difference <= RELATIVE_TOLERANCE * largest)
