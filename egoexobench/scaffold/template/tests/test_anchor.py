"""The anchor keeps its contract."""

from egoexobench.testing import check_anchor

from my_plugin.anchor import exo_sound


def test_the_anchor_keeps_its_contract() -> None:
    check_anchor(exo_sound())
