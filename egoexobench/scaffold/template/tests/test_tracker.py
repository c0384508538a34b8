"""The tracker keeps its contract."""

from functools import partial
from pathlib import Path

from egoexobench.testing import check_tracker

from my_plugin.tracker import lines


def test_the_tracker_keeps_its_contract(tmp_path: Path) -> None:
    check_tracker(partial(lines, path=tmp_path / "metrics.jsonl"))
    assert '"train/loss": 2.5' in (tmp_path / "metrics.jsonl").read_text()
