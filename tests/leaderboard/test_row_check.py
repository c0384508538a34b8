"""A committed row that was edited by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from egoexobench.errors import DataError
from egoexobench.leaderboard import reproduced
from egoexobench.leaderboard.reproduced import read_reproduced_row
from egoexobench.leaderboard.row_check import iter_row_faults

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture(autouse=True)
def _rows_are_checked(_numbers_are_invented: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproduced, "iter_row_faults", iter_row_faults)


@pytest.fixture
def committed(repository: Path) -> Path:
    (path,) = (repository / "leaderboards" / "reproduced").glob("logmel-neighbor.*.json")
    return path


def edit_value(row: dict[str, Any]) -> None:
    get_top1(row)["value"] = 99.0


def edit_bound(row: dict[str, Any]) -> None:
    get_top1(row).update(low=-5.0, high=300.0)


def edit_track(row: dict[str, Any]) -> None:
    row["tracks"][0]["text"]["frames"] = 9


def edit_ranks(row: dict[str, Any]) -> None:
    """Ranks with which every answer is right, while the score says otherwise."""
    track = next(item for item in row["tracks"] if item["task"] == "eg2ex")
    total = track["num_queries"]
    track["queries"] = {"sha256": "a", "num_queries": total, "cluster_sizes": f"1x{total}"}
    row["runs"][0]["ranks"] = {track["fingerprint"]: " ".join(["1"] * total)}


def get_top1(row: dict[str, Any]) -> dict[str, Any]:
    (track, *_) = (item for item in row["tracks"] if item["task"] == "eg2ex")
    top1: dict[str, Any] = row["runs"][0]["metrics"][track["fingerprint"]]["hit_rate_at_1"]
    return top1


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (edit_value, "hit_rate_at_1: 99.0 is outside of its interval"),
        (edit_bound, r"hit_rate_at_1.low: -5.0 is not in 0\.\.100"),
        (edit_track, "fingerprint: it is not the hash of the track"),
        (edit_ranks, "where the ranks give 100.0"),
    ],
)
def test_an_edited_row_is_refused(
    committed: Path, tmp_path: Path, edit: Edit, message: str
) -> None:
    fields = json.loads(committed.read_text())
    path = tmp_path / committed.name
    path.write_text(json.dumps(fields))
    read_reproduced_row(path)
    edit(fields)
    path.write_text(json.dumps(fields))
    with pytest.raises(DataError, match=message):
        read_reproduced_row(path)
