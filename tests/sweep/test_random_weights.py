"""A row of a published system is not run on random weights."""

from pathlib import Path

from egoexobench.registry import Registry
from egoexobench.sweep.plan import SweepOverrides, expand_sweep
from egoexobench.sweep.schema import read_sweep

TABLE = """
schema_version = 1
table = 1
title = "T"
label = "Method"
seeds = [0]
[[groups]]
key = "films"
label = "Films"
dataset = "synthetic:train=4,val=4,test=4"
policy = "gallery"
metric = "hit_rate_at_1"
columns = ["eg2ex"]
[[rows]]
key = "lavila"
label = "LaViLa"
method = "lavila{weights}"
scale = "paper"
needs = "its published weights"
"""


def make_plan(folder: Path, weights: str):
    path = folder / "table.toml"
    path.write_text(TABLE.replace("{weights}", weights))
    return expand_sweep(read_sweep(path), SweepOverrides(), Registry())


def test_a_row_without_its_files_has_no_cell_and_a_reason(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))
    plan = make_plan(tmp_path, "")
    assert not plan.cells
    assert (
        plan.unavailable["lavila", "films"]
        == 'give its files, as in method = "lavila:weights=FILE"'
    )


def test_a_row_with_its_files_has_a_cell(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))
    plan = make_plan(tmp_path, f":weights={tmp_path / 'lavila.pth'}")
    assert len(plan.cells["lavila", "films"]) == 1
