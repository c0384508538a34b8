"""Files in a store of features that say that a shard of `egoexobench extract` was finished."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from egoexobench.checksum import DamagedFileError, read_intact, read_json, write_json

_RECEIPT_NAME = re.compile(r"shard-(\w+)-(\d+)-of-(\d+)\.json")
_OLD_FIELDS = {"num_requested", "states", "failures"}
"""Fields of a receipt of versions up to 0.1, which has no checksum."""


class ShardName(NamedTuple):
    """A shard of a list of clips."""

    clip_list: str
    """Hash of the clips of the data set."""
    number: int
    """From 1 on."""
    num_shards: int

    @property
    def file_name(self) -> str:
        """Name of its receipt."""
        return f"shard-{self.clip_list}-{self.number}-of-{self.num_shards}.json"


def write_shard_receipt(folder: Path, shard: ShardName, result: Mapping[str, Any]) -> None:
    """Write that a shard was finished into the folder of a store, and what came of it.

    Raises:
        WriteError: if the machine refuses to write it.
    """
    path = folder / shard.file_name
    payload = json.dumps({"store": folder.name, "shard": shard, **result})
    if read_intact(read_json, path, "it is written again") != payload:  # else: may be read-only
        write_json(path, payload)


def find_finished_shards(folder: Path) -> set[ShardName]:
    """Return the shards that were finished, by the receipts in a folder; damaged ones do not count.

    Raises:
        DataError: if a receipt cannot be read.
    """
    return {shard for shard, _ in _iter_receipts(folder)}


def find_recorded_size(folder: Path) -> int:
    """Return the number of items that a store had, by its receipts; 0 if none of them says it.

    Raises:
        DataError: if a receipt cannot be read.
    """
    sizes = [result.get("num_items", 0) for _, result in _iter_receipts(folder)]
    return max((size for size in sizes if isinstance(size, int)), default=0)


def count_receipts(root: Path) -> Counter[tuple[int, int]]:
    """Return how many stores of a folder have the receipt of a shard, by its number and count."""
    names = (_parse_name(path) for path in root.glob("*/shard-*.json"))
    return Counter((name.number, name.num_shards) for name in names if name)


def copy_receipts(source: Path, target: Path) -> None:
    """Copy the receipts of finished shards from one folder of a store to another one.

    Raises:
        WriteError: if the machine refuses to write them.
        DataError: if a receipt cannot be read.
    """
    for shard, result in _iter_receipts(source):
        write_shard_receipt(target, shard, result)


def _iter_receipts(folder: Path) -> Iterator[tuple[ShardName, dict[str, Any]]]:
    for path in sorted(folder.glob("shard-*.json")):
        if shard := _parse_name(path):
            result = read_intact(_read_receipt, path, "its shard does not count as finished")
            if result is not None:
                yield shard, result


def _parse_name(path: Path) -> ShardName | None:
    match = _RECEIPT_NAME.fullmatch(path.name)
    return ShardName(match[1], int(match[2]), int(match[3])) if match else None


def _read_receipt(path: Path) -> dict[str, Any]:
    """Return the result in a receipt.

    Raises:
        FileNotFoundError: if there is none.
        DamagedFileError: if it is not what was written, or of another shard or store.
        DataError: if it cannot be read.
    """
    try:
        receipt = json.loads(read_json(path))
    except DamagedFileError:
        if (result := _read_old_receipt(path)) is None:
            raise
        return result
    expected = {"store": path.parent.name, "shard": list(_parse_name(path) or ())}
    if not isinstance(receipt, dict) or not expected.items() <= receipt.items():
        raise DamagedFileError(path, "it is of another shard or store")
    return {key: value for key, value in receipt.items() if key not in expected}


def _read_old_receipt(path: Path) -> dict[str, Any] | None:
    """Return the result in a receipt of versions up to 0.1; None if it is not one."""
    try:
        receipt = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None
    return receipt if isinstance(receipt, dict) and receipt.keys() == _OLD_FIELDS else None
