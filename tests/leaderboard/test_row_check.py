"""A committed row that was edited by hand."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from egoexobench.errors import DataError
from egoexobench.hashing import hash_json
from egoexobench.leaderboard import reproduced
from egoexobench.leaderboard.reproduced import read_reproduced_row
from egoexobench.leaderboard.row_check import iter_row_faults

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture(autouse=True)
def _rows_are_checked(_numbers_are_invented: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproduced, "iter_row_faults", iter_row_faults)


@pytest.fixture
def committed(repository: Path) -> Path:
    (path,) = (repository / "leaderboards" / "reproduced").glob("soundbridge.compact.*.json")
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
    row["runs"][0]["ranks"][track["fingerprint"]] = " ".join(["1"] * total)


def edit_value_and_interval(row: dict[str, Any]) -> None:
    get_top1(row).update(value=99.0, low=97.0, high=100.0)


def edit_interval(row: dict[str, Any]) -> None:
    top1 = get_top1(row)
    top1.update(low=top1["value"], high=top1["value"])


def edit_text_score(row: dict[str, Any]) -> None:
    get_metrics(row, "t2v")["mrr"].update(value=0.99, high=1.0)


def edit_association(row: dict[str, Any]) -> None:
    get_metrics(row, "association")["hit_rate_at_1"].update(value=99.0, high=100.0)


def edit_median(row: dict[str, Any]) -> None:
    get_metrics(row, "eg2ex")["median_rank"].update(value=7.5, high=9.0)


def edit_chance(row: dict[str, Any]) -> None:
    for run in row["runs"]:
        for metrics in run["metrics"].values():
            for metric in metrics.values():
                metric["chance"] = 0.0001


def edit_chance_of_one(row: dict[str, Any]) -> None:
    get_top1(row)["chance"] += 1.0
    row["runs"].append(copy.deepcopy(row["runs"][0]))
    get_top1(row)["chance"] += 1.0


def edit_clusters(row: dict[str, Any]) -> None:
    (track, *_) = (item for item in row["tracks"] if item["task"] == "t2v")
    track["queries"]["cluster_sizes"] = f"{track['num_queries']}x1"


def edit_seed(row: dict[str, Any]) -> None:
    row["runs"][0]["seed"] = 7


def edit_data(row: dict[str, Any]) -> None:
    row["dataset"]["name"] = "egoexolearn"


def edit_inputs(row: dict[str, Any]) -> None:
    row["method"]["declared_inputs"]["video"] = ["narration"]


def verify_without_ranks(row: dict[str, Any]) -> None:
    row["runs"][0]["ranks"] = {}


def verify_without_embeddings(row: dict[str, Any]) -> None:
    files = row["runs"][0]["verification"]["files"]
    row["runs"][0]["verification"]["files"] = {
        name: digest for name, digest in files.items() if "embeddings" not in name
    }


def verify_another_record(row: dict[str, Any]) -> None:
    row["runs"][0]["verification"]["files"] = {"x.ranks.jsonl": "0" * 64}


def add_audit(**changed: Any) -> Edit:
    def edit(row: dict[str, Any]) -> None:
        method, dataset = row["method"]["fingerprint"], row["dataset"]["fingerprint"]
        identity = hash_json([method, dataset, row["runs"][0]["seed"]])
        name = f"audit-{row['method']['name']}-{identity[:12]}.json"
        audit = {"file": name, "sha256": "0" * 64, "passed": True, "failures": []}
        row["runs"][0]["audits"] = [audit | changed]

    return edit


def get_metrics(row: dict[str, Any], task: str) -> dict[str, Any]:
    track = next(t for t in row["tracks"] if (t["task"], t["policy"]) == (task, "gallery"))
    metrics: dict[str, Any] = row["runs"][0]["metrics"][track["fingerprint"]]
    return metrics


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
        (edit_value_and_interval, r"hit_rate_at_1: 99.0, where the ranks give"),
        (edit_interval, r"hit_rate_at_1\.low: .* where the ranks give"),
        (edit_text_score, r"t2v gallery\.mrr: 0\.99, where the ranks give"),
        (edit_association, r"association gallery.*99.0, where its two tasks give"),
        (edit_median, r"median_rank: 7\.5, where the ranks give"),
        (edit_chance, r"chance: it is below"),
        (edit_chance_of_one, r"different levels of chance"),
        (edit_clusters, r"num_clusters: \d+, the queries give"),
        (edit_seed, r"record: time, seed and fingerprints give"),
        (edit_data, r"text\.dataset: 'synthetic' is not 'egoexolearn'"),
        (edit_inputs, r"declared_inputs\.video: narration"),
        (verify_without_ranks, r"the run has no ranks on track"),
        (verify_without_embeddings, r"where the files have no embeddings"),
        (verify_another_record, r"'x\.ranks\.jsonl' is no file of this record"),
        (add_audit(passed=False), r"an audit passes if it has no failure"),
        (add_audit(file="audit-x-0.json"), r"'audit-x-0\.json', where that of this run is"),
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


def test_a_row_with_a_passed_audit_is_read(committed: Path, tmp_path: Path) -> None:
    fields = json.loads(committed.read_text())
    add_audit()(fields)
    path = tmp_path / committed.name
    path.write_text(json.dumps(fields))
    assert read_reproduced_row(path).runs[0].audits[0].passed


def test_every_committed_row_is_read(repository: Path) -> None:
    paths = sorted((repository / "leaderboards" / "reproduced").glob("*.json"))
    assert len([read_reproduced_row(path) for path in paths]) > 5
