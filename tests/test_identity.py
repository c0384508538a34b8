"""What differs between two versions of a part, in words."""

import pytest

from egoexobench.identity import is_same_part, list_part_changes

PART = {
    "kind": "encoder",
    "name": "pixel",
    "options": {"size": 2},
    "files": {"weights": "a"},
    "distribution": "nordlab",
    "version": "0.1",
    "source": "s",
    "libraries": {"torch": "2.5"},
    "toolkit": "t",
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": "s2"}, ["source"]),
        ({"version": "0.2"}, ["version 0.1 -> 0.2"]),
        ({"files": {"weights": "b"}}, ["content of the option 'weights'"]),
        ({"libraries": {"torch": "2.6"}}, ["torch 2.5 -> 2.6"]),
        ({"libraries": {"torch": "2.5", "scipy": "1"}}, ["scipy 1 was added"]),
        ({"toolkit": "t2"}, ["code of the toolkit"]),
        ({}, []),
    ],
)
def test_each_change_of_a_version_has_its_words(change: dict, words: list[str]) -> None:
    assert is_same_part(PART, PART | change)
    assert list_part_changes(PART, PART | change) == words


@pytest.mark.parametrize(
    "change",
    [{"name": "x"}, {"kind": "fusion"}, {"distribution": "d"}, {"options": {}}, {"files": {}}],
)
def test_another_name_or_option_is_another_part_and_no_version(change: dict) -> None:
    assert not is_same_part(PART, PART | change)
