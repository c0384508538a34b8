"""Invented runs for a site."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from invented_records import make_ego_ranks, make_record, make_score

from egoexobench.records.store import write_record

TRACKS = (("eg2ex", "gallery"), ("t2v", "mcq20"), ("scene", None))


@pytest.fixture
def write_run(tmp_path: Path, invented_records: None) -> Callable[..., Path]:
    """Write a record and the ranks of its ego-to-exo queries; returns the path of the record."""

    def write(
        method: str = "soundbridge", seed: int = 0, *, num_right: int = 10, **fields: object
    ) -> Path:
        scores = tuple(make_score(*track, 5.0 * num_right, n=20) for track in TRACKS)
        record = make_record(method, seed, scores, **fields)
        return write_record(record, make_ego_ranks(num_right), tmp_path / "runs")

    return write
