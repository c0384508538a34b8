import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoexobench.data.subset import (
    ClipSubset,
    find_shared_clips,
    hash_clip_ids,
    make_subset,
    read_clip_ids,
    read_subset,
    write_subset,
)
from egoexobench.errors import DataError

IDS = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["one", "two"]))


def subset_of(clips: dict[str, str], audible: tuple[str, ...] = ()) -> ClipSubset:
    return make_subset("folder", "f", {"train": {}, "val": {}, "test": clips}, audible)


@given(IDS, IDS)
def test_the_intersection_does_not_depend_on_the_order_of_the_users(
    first: dict, second: dict
) -> None:
    shared = find_shared_clips(subset_of(first), subset_of(second))
    swapped = find_shared_clips(subset_of(second), subset_of(first))
    assert shared == swapped
    assert set(shared.ids["test"]) == set(first) & set(second)
    assert shared.num_different_files == sum(
        first[name] != second[name] for name in set(first) & set(second)
    )
    assert shared.clips_hash == hash_clip_ids(
        {"test": sorted(set(first) & set(second), reverse=True)}
    )


def test_the_hash_depends_on_the_split_and_not_on_the_order() -> None:
    assert hash_clip_ids({"val": ["a", "b"]}) == hash_clip_ids({"val": ["b", "a"], "test": []})
    assert hash_clip_ids({"val": ["a"]}) != hash_clip_ids({"test": ["a"]})
    assert hash_clip_ids({"val": ["a", "b"]}) != hash_clip_ids({"val": ["ab"]})


def test_shared_audible_clips_are_audible_for_both_users() -> None:
    first = subset_of({"a": "1", "b": "1"}, ("test/a", "test/b"))
    second = subset_of({"a": "1", "b": "1"}, ("test/b",))
    assert find_shared_clips(first, second).num_audible == 1


def test_a_subset_file_is_read_back_and_an_edited_one_is_rejected(tmp_path: Path) -> None:
    path, subset = tmp_path / "mine.json", subset_of({"a": "1"})
    write_subset(path, subset)
    assert read_subset(path) == subset
    cells = json.loads(path.read_text())
    cells["clips"]["test"]["b"] = "1"
    path.write_text(json.dumps(cells))
    with pytest.raises(DataError, match="was edited"):
        read_subset(path)


@pytest.mark.parametrize("text", ["", "{}", '{"certificate": 2}', '{"version": 2}', "[]"])
def test_another_file_is_not_a_subset_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(DataError, match="is not a subset file"):
        read_subset(path)
    with pytest.raises(DataError, match="cannot read"):
        read_subset(tmp_path / "none.json")


def test_subsets_of_two_data_sets_cannot_be_intersected() -> None:
    other = make_subset("synthetic", "f", {}, ())
    with pytest.raises(DataError, match="'folder' and 'synthetic'"):
        find_shared_clips(subset_of({}), other)


def test_a_subset_file_contains_the_ids_that_a_run_may_use(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    clips = {"train": {"a": "1"}, "val": {}, "test": {"b": "1", "c": "2"}}
    write_subset(path, make_subset("folder", "f", clips, ()))
    assert read_clip_ids(path, "folder") == {
        "train": frozenset("a"),
        "val": frozenset(),
        "test": frozenset("bc"),
    }
    with pytest.raises(
        DataError, match="is a subset of data set 'folder'; the run uses 'synthetic'"
    ):
        read_clip_ids(path, "synthetic")


def test_a_subset_file_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    path, subset = tmp_path / "mine.json", subset_of({"a": "1"}, ("test/a",))
    cells = json.loads(subset.model_dump_json())
    cells["certificate"] = cells.pop("version")
    cells["coverage"] = cells.pop("clips_hash")
    path.write_text(json.dumps(cells))
    assert read_subset(path) == subset
