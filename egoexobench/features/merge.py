"""Joins stores that were written on several machines."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from egoexobench.errors import DataError
from egoexobench.features import feature_file
from egoexobench.features.feature_file import FeatureRows
from egoexobench.features.feature_store import SIGNATURE_FILE, FeatureStore
from egoexobench.files import atomic_path
from egoexobench.hashing import hash_json

RELATIVE_TOLERANCE = 1e-4
"""How far two machines' numbers may lie apart, as a share of the item's largest."""
_RECEIPT = re.compile(r"portion-(\w+)-(\d+)-of-(\d+)\.json")


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What one store got: items that are new, items that were there and agree."""

    folder: Path
    num_added: int
    num_existing: int


def merge_stores(
    sources: Sequence[Path], target: Path, *, partial: bool = False
) -> list[MergeResult]:
    """Add the stores below some folders to those of another; what is there stays.

    Args:
        sources: folders that hold stores, or stores.
        target: folder of stores.
        partial: join what there is, also where a portion is missing.

    Raises:
        DataError: for a folder without stores, a store or a shard that is not whole, a missing
            portion, and for an item that two stores hold differently. The target holds whole
            shards at any time, and what was added before stays.
    """
    found = [store for source in sources for store in _find_stores(source)]
    if not partial:
        for name in sorted({store.name for store in found}):
            _check_complete(name, [*(one for one in found if one.name == name), target / name])
    return [_merge_store(store, target) for store in found]


def _find_stores(source: Path) -> list[Path]:
    if (source / SIGNATURE_FILE).is_file():
        return [source]
    found = sorted(about.parent for about in source.glob(f"*/{SIGNATURE_FILE}"))
    if not found:
        raise DataError(f"{source} holds no store; `extract --out {source}` writes one there")
    return found


def _check_complete(name: str, folders: Iterable[Path]) -> None:
    """Hold that every portion of every list of clips is there."""
    there: dict[tuple[str, int], set[int]] = {}
    for folder in folders:
        for path in folder.glob("portion-*.json"):
            if told := _RECEIPT.fullmatch(path.name):
                there.setdefault((told[1], int(told[3])), set()).add(int(told[2]))
    if not there:
        raise DataError(
            f"store {name} has no shard that was finished, or none that `extract` wrote; "
            "--partial joins what there is"
        )
    lists = {of for of, _ in there}
    for of in lists:
        # one division of a list that is whole is enough
        divisions = {n: set(range(1, n + 1)) - there[of, n] for which, n in there if which == of}
        if all(divisions.values()):
            count, lacking = min(divisions.items(), key=lambda one: len(one[1]))
            named = ", ".join(f"{number}/{count}" for number in sorted(lacking))
            raise DataError(
                f"store {name} lacks shard {named}: it is not among the given stores, or it was "
                "not finished; --partial joins what there is"
            )


def _merge_store(source: Path, target: Path) -> MergeResult:
    signature = json.loads((source / SIGNATURE_FILE).read_text())
    if hash_json(signature) != source.name:
        raise DataError(f"{source} is not the store that its {SIGNATURE_FILE} describes")
    store, added, known = FeatureStore(target, signature), 0, 0
    for path in sorted(source.glob("*.safetensors")):
        items = feature_file.read_feature_file(path)
        fresh = {key: item for key, item in items.items() if key not in store}
        for key in items.keys() - fresh.keys():
            _check_equal(key, items[key], store[key], path, store.folder)
        if fresh:
            store.put(list(fresh), list(fresh.values()))
        added, known = added + len(fresh), known + len(items) - len(fresh)
    for receipt in source.glob("portion-*.json"):
        with atomic_path(store.folder / receipt.name) as draft:
            shutil.copyfile(receipt, draft)
    return MergeResult(store.folder, added, known)


def _check_equal(key: str, one: FeatureRows, other: FeatureRows, path: Path, folder: Path) -> None:
    same = one.state == other.state and one.rows.shape == other.rows.shape
    if same and one.rows.size:
        apart = np.abs(one.rows.astype(np.float64) - other.rows.astype(np.float64)).max()
        same = bool(apart <= RELATIVE_TOLERANCE * max(1.0, float(np.abs(other.rows).max())))
    if not same:
        raise DataError(
            f"{path} and {folder} hold different rows for {key}; one of them is wrong: "
            "delete it and extract again"
        )
