"""The objective keeps its contract."""

import pytest
from egoexobench.testing import check_objective

from my_plugin.objective import margin


@pytest.mark.parametrize("gap", [0.2, 1.0])
def test_the_objective_keeps_its_contract(gap: float) -> None:
    check_objective(margin(gap=gap))
