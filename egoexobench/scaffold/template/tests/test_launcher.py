"""The launcher keeps its contract."""

from egoexobench.testing import check_launcher

from my_plugin.launcher import one_by_one


def test_the_launcher_keeps_its_contract() -> None:
    check_launcher(one_by_one)
