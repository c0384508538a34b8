"""The scorer keeps its contract."""

from egoexobench.testing import check_scorer

from my_plugin.scorer import nearest


def test_the_scorer_keeps_its_contract() -> None:
    check_scorer(nearest)
