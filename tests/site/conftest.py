"""A site of invented runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from invented_records import make_record, make_score

from egoexobench.records.schema import QueryRank
from egoexobench.records.store import write_record

HOSTILE = "</script><img src=x onerror=alert(1)>\u202e"
TRACKS = (("eg2ex", "gallery"), ("t2v", "mcq20"), ("scene", None))
WriteRun = Callable[..., Path]


def make_ranks(num_right: int, num_queries: int = 20) -> list[QueryRank]:
    """Ranks of ego-to-exo queries, of which the first are right and the others third."""
    return [
        QueryRank(
            task="eg2ex",
            policy="gallery",
            source=f"q{index}",
            positives=(f"p{index}",),
            optimistic=1 if index < num_right else 3,
            pessimistic=1 if index < num_right else 3,
            num_candidates=20,
            top1_probability=float(index < num_right),
            cluster=f"take {index}",
        )
        for index in range(num_queries)
    ]


@pytest.fixture
def write_run(tmp_path: Path, invented_records: None) -> WriteRun:
    """Write a record and the ranks of its ego-to-exo queries; returns the path."""

    def write(
        method: str = "soundbridge", seed: int = 0, *, num_right: int = 10, **fields: object
    ) -> Path:
        scores = tuple(make_score(task, policy, 5.0 * num_right) for task, policy in TRACKS)
        record = make_record(method, seed, scores, **fields)
        return write_record(record, make_ranks(num_right), tmp_path / "runs")

    return write
