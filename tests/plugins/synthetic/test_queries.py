from collections import Counter

import pytest

from egoexobench.data.folder_dataset import QueryRow
from egoexobench_plugins.synthetic.queries import build_queries

FAMILIES = {f"{i:06d}": i * 7 % 10 for i in range(40)}


@pytest.fixture(scope="module")
def rows() -> list[QueryRow]:
    return list(build_queries("test", FAMILIES, seed=0))


def test_each_pair_has_one_query_per_direction_and_two_per_text_task(
    rows: list[QueryRow],
) -> None:
    count = Counter(row.task for row in rows)
    assert count == {"eg2ex": 40, "ex2eg": 40, "t2v": 80, "v2t": 80}


def test_a_query_has_the_positive_its_three_twins_and_16_others(rows: list[QueryRow]) -> None:
    for row in rows:
        source = row.source.split("/")[0]
        names = [name.split("/")[0] for name in row.candidates]
        assert len(set(names)) == 20
        assert names[row.answer] == source
        assert sum(FAMILIES[name] == FAMILIES[source] for name in names) == 4


def test_sources_and_candidates_are_of_the_kind_that_the_task_needs(
    rows: list[QueryRow],
) -> None:
    kinds = {"eg2ex": {("ego", "exo")}, "ex2eg": {("exo", "ego")}}
    kinds |= {"t2v": {("", "ego"), ("", "exo")}, "v2t": {("ego", ""), ("exo", "")}}
    sides_by_task: dict[str, set[tuple[str, str]]] = {}
    for row in rows:
        sides = {name.partition("/")[2] for name in row.candidates}
        assert len(sides) == 1
        sides_by_task.setdefault(row.task, set()).add((row.source.partition("/")[2], sides.pop()))
    assert sides_by_task == kinds


def test_the_position_of_the_positive_is_uniform(rows: list[QueryRow]) -> None:
    counts = Counter(row.answer for row in rows)
    expected = len(rows) / 20
    chi = sum((counts[position] - expected) ** 2 / expected for position in range(20))
    assert chi < 43.8  # 19 degrees of freedom, p = 0.001


def test_a_split_of_fewer_than_twenty_pairs_has_no_build_queries() -> None:
    assert not list(build_queries("test", dict(list(FAMILIES.items())[:16]), seed=0))
