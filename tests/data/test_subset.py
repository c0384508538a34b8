import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoexobench.data.subset import (
    ClipSubset,
    intersect,
    make_subset,
    read_clip_ids,
    read_subset,
    subset_hash,
    write_subset,
)
from egoexobench.errors import DataError

IDS = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["one", "two"]))


def certificate(clips: dict[str, str], audible: tuple[str, ...] = ()) -> ClipSubset:
    return make_subset("folder", "f", {"train": {}, "val": {}, "test": clips}, audible)


@given(IDS, IDS)
def test_both_users_find_the_same_ids_in_common(one: dict, other: dict) -> None:
    here = intersect(certificate(one), certificate(other))
    there = intersect(certificate(other), certificate(one))
    assert here == there
    assert set(here.ids["test"]) == set(one) & set(other)
    assert here.differ == sum(one[name] != other[name] for name in set(one) & set(other))
    assert here.coverage == subset_hash({"test": sorted(set(one) & set(other), reverse=True)})


def test_coverage_knows_the_split_and_not_the_order() -> None:
    assert subset_hash({"val": ["a", "b"]}) == subset_hash({"val": ["b", "a"], "test": []})
    assert subset_hash({"val": ["a"]}) != subset_hash({"test": ["a"]})
    assert subset_hash({"val": ["a", "b"]}) != subset_hash({"val": ["ab"]})


def test_sound_in_common_is_heard_by_both() -> None:
    one = certificate({"a": "1", "b": "1"}, ("test/a", "test/b"))
    other = certificate({"a": "1", "b": "1"}, ("test/b",))
    assert intersect(one, other).audible == 1


def test_a_certificate_comes_back_and_one_changed_by_hand_does_not(tmp_path: Path) -> None:
    path, made = tmp_path / "mine.json", certificate({"a": "1"})
    write_subset(path, made)
    assert read_subset(path) == made
    cells = json.loads(path.read_text())
    cells["clips"]["test"]["b"] = "1"
    path.write_text(json.dumps(cells))
    with pytest.raises(DataError, match="changed by hand"):
        read_subset(path)


@pytest.mark.parametrize("text", ["", "{}", '{"certificate": 2}', "[]"])
def test_another_file_is_no_certificate(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(DataError, match="is no certificate"):
        read_subset(path)
    with pytest.raises(DataError, match="cannot read"):
        read_subset(tmp_path / "none.json")


def test_two_data_sets_have_nothing_in_common() -> None:
    other = make_subset("synthetic", "f", {}, ())
    with pytest.raises(DataError, match="'folder' and 'synthetic'"):
        intersect(certificate({}), other)


def test_a_certificate_names_the_ids_that_a_run_may_use(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    clips = {"train": {"a": "1"}, "val": {}, "test": {"b": "1", "c": "2"}}
    write_subset(path, make_subset("folder", "f", clips, ()))
    assert read_clip_ids(path, "folder") == {
        "train": frozenset("a"),
        "val": frozenset(),
        "test": frozenset("bc"),
    }
    with pytest.raises(DataError, match="is a certificate of 'folder'; it must be of 'synthetic'"):
        read_clip_ids(path, "synthetic")
