from pathlib import Path

import pytest
from file_damage import DAMAGES, damage_file

from egoexobench.errors import DataError, NoticeWarning
from egoexobench.features.shard_receipt import (
    ShardName,
    copy_receipts,
    find_finished_shards,
    write_shard_receipt,
)

FIRST, SECOND = ShardName("ab12", 1, 2), ShardName("ab12", 2, 2)
RESULT = {"num_requested": 3, "states": {"decoded": 2}, "failures": {"c": "it does not decode"}}
WARNING = "is damaged: .*; its shard does not count as finished"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The folder of a store with the receipt of the first of two shards."""
    folder = tmp_path / "store"
    folder.mkdir()
    write_shard_receipt(folder, FIRST, RESULT)
    return folder


def test_a_receipt_is_found_and_copied(store: Path, tmp_path: Path) -> None:
    assert find_finished_shards(store) == {FIRST}
    target = tmp_path / "merged" / store.name
    copy_receipts(store, target)
    assert find_finished_shards(target) == {FIRST}
    before = (target / FIRST.file_name).stat().st_mtime_ns
    copy_receipts(store, target)
    assert (target / FIRST.file_name).stat().st_mtime_ns == before


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_receipt_does_not_count(damage: str, seed: int, store: Path) -> None:
    damage_file(store / FIRST.file_name, damage, seed)
    with pytest.warns(NoticeWarning, match=WARNING) as notes:
        assert not find_finished_shards(store)
    assert len(notes) == 1
    with pytest.warns(NoticeWarning, match="is damaged: .*; it is written again"):
        write_shard_receipt(store, FIRST, RESULT)
    assert find_finished_shards(store) == {FIRST}


def test_a_receipt_of_another_shard_or_store_does_not_count(store: Path, tmp_path: Path) -> None:
    path = store / FIRST.file_name
    (store / SECOND.file_name).write_bytes(path.read_bytes())
    other = tmp_path / "other"
    other.mkdir()
    (other / FIRST.file_name).write_bytes(path.read_bytes())
    with pytest.warns(NoticeWarning, match=WARNING):
        assert find_finished_shards(store) == {FIRST}
    with pytest.warns(NoticeWarning, match="it is of another shard or store"):
        assert not find_finished_shards(other)


def test_a_receipt_of_an_earlier_version_counts(store: Path) -> None:
    text = '{"num_requested": 3, "states": {"decoded": 3}, "failures": {}}'
    (store / SECOND.file_name).write_text(text)
    assert find_finished_shards(store) == {FIRST, SECOND}


def test_a_folder_in_the_place_of_a_receipt_is_named(store: Path) -> None:
    (store / SECOND.file_name).mkdir()
    with pytest.raises(DataError, match=f"cannot read {store / SECOND.file_name}"):
        find_finished_shards(store)
