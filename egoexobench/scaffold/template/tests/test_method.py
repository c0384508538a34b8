"""The method keeps its contract."""

from egoexobench import Registry
from egoexobench.testing import check_method

from my_plugin.method import create_method


def test_the_method_keeps_its_contract() -> None:
    check_method(create_method("compact"), Registry())
