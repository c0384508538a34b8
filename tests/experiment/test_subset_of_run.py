"""Runs on a part of a data set, on a shared subset, and on another data set than in training."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from leaderboard_files import write_rows

from egoexobench.cli import main
from egoexobench.leaderboard.dataset_page import render_dataset_page
from egoexobench.leaderboard.reproduced import read_reproduced_rows

FAST_OPTIONS = ("--set", "epochs=1", "--set", "embed_dim=16")


@pytest.fixture
def run_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))

    def invoke(*arguments: str) -> SimpleNamespace:
        result = CliRunner().invoke(main, arguments)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


def render_page() -> str:
    """The leaderboard page of every record in `runs`."""
    write_rows(list(Path("runs").rglob("*seed0-*.json")), Path("board"))
    return render_dataset_page(
        "folder", read_reproduced_rows(Path("board")), submitted=(), mix_protocols=False
    )


@pytest.fixture
def incomplete_spec(folder: Path, tmp_path: Path) -> str:
    """A data set with a missing and a damaged media file."""
    clips = tmp_path / "clips"
    shutil.copytree(folder, clips)
    (clips / "m-ego.mp4").unlink()
    (clips / "n-exo.mp4").write_bytes(b"no film" * 99)
    return f"folder:path={clips}"


def read_scores(result: SimpleNamespace) -> dict:
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    return record, {(s["task"], s["policy"]): s for s in record["scores"]}


def test_the_error_on_an_incomplete_data_set_names_the_option_that_allows_it(
    run_cli, incomplete_spec: str
) -> None:
    result = run_cli("run", "--method", "egoexo", "--dataset", incomplete_spec, *FAST_OPTIONS)
    assert result.exit_code == 1
    assert "1 of 32 media files of folder are missing" in result.stderr
    assert "--allow-missing" in result.stderr
    assert not Path("runs").exists()


@pytest.mark.slow
def test_missing_clips_are_skipped_and_recorded(run_cli, incomplete_spec: str) -> None:
    options = ("--dataset", incomplete_spec, "--allow-missing", *FAST_OPTIONS)
    record, scores = read_scores(run_cli("run", "--method", "egoexo", *options, "--json"))
    assert record["coverage"] | {"subset_hash": ""} == {
        "num_clips": 32,
        "num_used": 30,
        "num_rejected": 0,
        "num_excluded": {"missing": 1, "does not decode": 1},
        "subset_hash": "",
    }
    gallery = scores["eg2ex", "gallery"]
    assert (gallery["num_queries"], gallery["num_dropped"], gallery["num_missing_candidates"]) == (
        2,
        2,
        1,
    )
    counts = {
        (s["task"], s["policy"]): (s["num_queries"], s["num_dropped"], s["num_missing_candidates"])
        for row in record["references"] if row["name"] == "scene" for s in row["scores"]
    }  # fmt: skip
    assert counts.items() >= {("eg2ex", "gallery"): (2, 2, 1)}.items()
    assert {row["name"] for row in record["references"]} >= {"duration", "loudness", "synchrony"}
    printed = run_cli("run", "--method", "egoexo", *options)
    assert "Used 30 of 32 clips" in printed.stdout
    assert "30 of 32 clips were used (93.8 %)" in render_page()


@pytest.mark.slow
def test_two_users_are_compared_on_a_shared_subset(
    run_cli, folder: Path, incomplete_spec: str
) -> None:
    assert run_cli("data", "doctor", incomplete_spec, "--save-subset", "mine.json").exit_code == 0
    options = ("--subset", "mine.json", *FAST_OPTIONS, "--json")
    complete, complete_scores = read_scores(
        run_cli("run", "--method", "egoexo", "--dataset", f"folder:path={folder}", *options)
    )
    partial, partial_scores = read_scores(
        run_cli(
            "run", "--method", "egoexo", "--dataset", incomplete_spec, *options, "--allow-missing"
        )
    )
    assert complete["coverage"]["subset_hash"] == partial["coverage"]["subset_hash"]
    assert (
        complete_scores["eg2ex", "gallery"]["num_queries"]
        == partial_scores["eg2ex", "gallery"]["num_queries"]
        == 2
    )
    other = run_cli("run", "--method", "egoexo", "--dataset", "synthetic", "--subset", "mine.json")
    assert other.exit_code == 1
    assert "subset of data set 'folder'" in other.stderr


@pytest.mark.slow
def test_a_method_can_be_trained_on_one_set_and_scored_on_another(
    run_cli, folder: Path, tmp_path: Path
) -> None:
    small = "synthetic:train=4,val=4,test=4,seed=3"
    target = f"folder:path={folder}"
    within, _ = read_scores(
        run_cli("run", "--method", "egoexo", "--dataset", target, *FAST_OPTIONS, "--json")
    )
    transferred, _ = read_scores(
        run_cli(
            "run",
            "--method",
            "egoexo",
            "--dataset",
            target,
            "--train-on",
            small,
            *FAST_OPTIONS,
            "--json",
        )
    )
    assert within["trained_on"] is None
    assert transferred["trained_on"]["spec"] == small
    assert transferred["dataset"]["fingerprint"] == within["dataset"]["fingerprint"]
    text = render_page()
    assert f"epochs=1 trained on {small} \\*" in text
    assert "another data set than the one that is scored" in text
    assert [row.trained_on is None for row in read_reproduced_rows(Path("board"))].count(True) == 1
