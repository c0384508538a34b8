"""Threads are as many as the cores of the process, not those of the machine."""

import os
import sys
from pathlib import Path

import pytest

from egoexobench.toolbox.cores import count_cores, map_in_threads


def test_the_cores_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux has core sets")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7})
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert count_cores() == 3


def test_no_module_counts_the_cores_of_the_machine() -> None:
    root = Path(__file__).parents[2]
    folders = [root / name for name in ("egoexobench", "plugins", "baselines")]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    callers = {path.name for path in files if "cpu_count" in path.read_text()}
    assert callers == {"cores.py"}


def test_results_come_in_order_and_a_bounded_number_is_made_ahead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("egoexobench.toolbox.cores.count_cores", lambda: 2)
    done: list[int] = []
    results = map_in_threads(lambda i: done.append(i) or -i, range(50), num_ahead=8)
    for i, result in enumerate(results):
        assert result == -i
        assert len(done) <= i + 1 + 8
    assert sorted(done) == [*range(50)]
