"""The captioner keeps its contract."""

from egoexobench.testing import check_captioner

from my_plugin.captioner import sounds


def test_the_captioner_keeps_its_contract() -> None:
    check_captioner(sounds())


def test_a_verb_of_the_table_has_its_sound() -> None:
    assert sounds().caption(["C cuts an onion."]) == ["[knife] (chopping)"]
