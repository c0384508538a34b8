"""The fusion keeps its contract."""

from egoexobench.testing import check_fusion

from my_plugin.fusion import gate


def test_the_fusion_keeps_its_contract() -> None:
    check_fusion(gate)
