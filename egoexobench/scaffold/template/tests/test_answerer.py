"""The answerer keeps its contract."""

from egoexobench.testing import check_answerer

from my_plugin.answerer import colors


def test_the_answerer_keeps_its_contract() -> None:
    check_answerer(colors())
