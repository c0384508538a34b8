"""Invented records of runs in the test's own folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from invented_records import make_record, make_score

from egoexobench.leaderboard import reproduced, run_source
from egoexobench.records.schema import Record, ScoreRecord
from egoexobench.records.store import write_record
from egoexobench.verification.result import Verification

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write a record below the test's own folder and return its path."""

    def make_path(*args: Any, **keywords: Any) -> Path:
        return write_record(make_record(*args, **keywords), (), tmp_path / "runs")

    return make_path


@pytest.fixture(name="build_record")
def _build_record() -> Callable[..., Record]:
    return make_record


@pytest.fixture(name="score")
def _score() -> Callable[..., ScoreRecord]:
    return make_score


@pytest.fixture
def repository() -> Path:
    """The folder that holds the committed leaderboards."""
    return Path(__file__).resolve().parents[2]


@pytest.fixture
def root(tmp_path: Path, repository: Path) -> Path:
    """A leaderboards folder with the paper's tables and no reproduced number."""
    folder = tmp_path / "leaderboards"
    (folder / "reported").mkdir(parents=True)
    for path in (repository / "leaderboards" / "reported").glob("*.toml"):
        (folder / "reported" / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture(autouse=True)
def _numbers_are_invented(invented_records: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing follows from ranks here, and no record would pass its verification."""

    def accept_bundles(
        paths: Sequence[Path], *, timeout_s: float | None = None
    ) -> tuple[Verification, ...]:
        return tuple(Verification(path) for path in paths)

    monkeypatch.setattr(run_source, "verify_bundles", accept_bundles)
    monkeypatch.setattr(reproduced, "iter_row_faults", lambda row: ())
