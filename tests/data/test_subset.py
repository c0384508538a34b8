import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoexobench.data.subset import (
    Certificate,
    allowed,
    certify,
    common,
    coverage,
    load,
    save,
)
from egoexobench.errors import DataError

IDS = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["one", "two"]))


def certificate(clips: dict[str, str], audible: tuple[str, ...] = ()) -> Certificate:
    return certify("folder", "f", {"train": {}, "val": {}, "test": clips}, audible)


@given(IDS, IDS)
def test_both_users_find_the_same_ids_in_common(one: dict, other: dict) -> None:
    here = common(certificate(one), certificate(other))
    there = common(certificate(other), certificate(one))
    assert here == there
    assert set(here.ids["test"]) == set(one) & set(other)
    assert here.differ == sum(one[name] != other[name] for name in set(one) & set(other))
    assert here.coverage == coverage({"test": sorted(set(one) & set(other), reverse=True)})


def test_coverage_knows_the_split_and_not_the_order() -> None:
    assert coverage({"val": ["a", "b"]}) == coverage({"val": ["b", "a"], "test": []})
    assert coverage({"val": ["a"]}) != coverage({"test": ["a"]})
    assert coverage({"val": ["a", "b"]}) != coverage({"val": ["ab"]})


def test_sound_in_common_is_heard_by_both() -> None:
    one = certificate({"a": "1", "b": "1"}, ("test/a", "test/b"))
    other = certificate({"a": "1", "b": "1"}, ("test/b",))
    assert common(one, other).audible == 1


def test_a_certificate_comes_back_and_one_changed_by_hand_does_not(tmp_path: Path) -> None:
    path, made = tmp_path / "mine.json", certificate({"a": "1"})
    save(path, made)
    assert load(path) == made
    cells = json.loads(path.read_text())
    cells["clips"]["test"]["b"] = "1"
    path.write_text(json.dumps(cells))
    with pytest.raises(DataError, match="changed by hand"):
        load(path)


@pytest.mark.parametrize("text", ["", "{}", '{"certificate": 2}', "[]"])
def test_another_file_is_no_certificate(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(DataError, match="is no certificate"):
        load(path)
    with pytest.raises(DataError, match="cannot read"):
        load(tmp_path / "none.json")


def test_two_data_sets_have_nothing_in_common() -> None:
    other = certify("synthetic", "f", {}, ())
    with pytest.raises(DataError, match="'folder' and 'synthetic'"):
        common(certificate({}), other)


def test_a_certificate_names_the_ids_that_a_run_may_use(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    clips = {"train": {"a": "1"}, "val": {}, "test": {"b": "1", "c": "2"}}
    save(path, certify("folder", "f", clips, ()))
    assert allowed(path, "folder") == {
        "train": frozenset("a"),
        "val": frozenset(),
        "test": frozenset("bc"),
    }
    with pytest.raises(DataError, match="is a certificate of 'folder'; it must be of 'synthetic'"):
        allowed(path, "synthetic")
