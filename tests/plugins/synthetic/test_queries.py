from collections import Counter

import pytest

from egoexobench.data.folder_dataset import QueryRow
from egoexobench_plugins.synthetic.queries import questions

FAMILIES = {f"{i:06d}": i * 7 % 10 for i in range(40)}


@pytest.fixture(scope="module")
def asked() -> list[QueryRow]:
    return list(questions("test", FAMILIES, seed=0))


def test_each_pair_is_asked_once_a_direction_and_twice_against_texts(
    asked: list[QueryRow],
) -> None:
    count = Counter(row.task for row in asked)
    assert count == {"eg2ex": 40, "ex2eg": 40, "t2v": 80, "v2t": 80}


def test_a_question_holds_the_answer_its_three_twins_and_16_others(asked: list[QueryRow]) -> None:
    for row in asked:
        source = row.source.split("/")[0]
        names = [name.split("/")[0] for name in row.candidates]
        assert len(set(names)) == 20
        assert names[row.answer] == source
        assert sum(FAMILIES[name] == FAMILIES[source] for name in names) == 4


def test_sources_and_candidates_are_of_the_kind_that_the_task_asks_for(
    asked: list[QueryRow],
) -> None:
    kinds = {"eg2ex": {("ego", "exo")}, "ex2eg": {("exo", "ego")}}
    kinds |= {"t2v": {("", "ego"), ("", "exo")}, "v2t": {("ego", ""), ("exo", "")}}
    found: dict[str, set[tuple[str, str]]] = {}
    for row in asked:
        sides = {name.partition("/")[2] for name in row.candidates}
        assert len(sides) == 1
        found.setdefault(row.task, set()).add((row.source.partition("/")[2], sides.pop()))
    assert found == kinds


def test_the_place_of_the_answer_is_even(asked: list[QueryRow]) -> None:
    places = Counter(row.answer for row in asked)
    expected = len(asked) / 20
    chi = sum((places[place] - expected) ** 2 / expected for place in range(20))
    assert chi < 43.8  # 19 degrees of freedom, p = 0.001


def test_a_split_of_fewer_than_twenty_pairs_has_no_questions() -> None:
    assert not list(questions("test", dict(list(FAMILIES.items())[:16]), seed=0))
