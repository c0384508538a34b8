"""Runs on part of a data set, on the clips two users share, and from one data set to another."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from egoexobench.cli import main
from egoexobench.leaderboard.collect import write_reproduced_rows
from egoexobench.leaderboard.dataset_page import render_dataset_page
from egoexobench.leaderboard.reproduced import read_reproduced_rows

FAST = ("--set", "epochs=1", "--set", "embed_dim=16")


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))

    def called(*arguments: str) -> SimpleNamespace:
        done = CliRunner().invoke(main, arguments)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return called


def page() -> str:
    """The leaderboard page of every record that lies under `runs`."""
    write_reproduced_rows(list(Path("runs").rglob("*seed0-*.json")), Path("board"))
    return render_dataset_page("folder", read_reproduced_rows(Path("board")), mix_protocols=False)


@pytest.fixture
def holes(folder: Path, tmp_path: Path) -> str:
    """A folder that lacks one film and holds another that is none."""
    own = tmp_path / "clips"
    shutil.copytree(folder, own)
    (own / "m-ego.mp4").unlink()
    (own / "n-exo.mp4").write_bytes(b"no film" * 99)
    return f"folder:path={own}"


def scored(done: SimpleNamespace) -> dict:
    assert done.exit_code == 0, done.stderr
    record = json.loads(done.stdout)
    return record, {(s["task"], s["policy"]): s for s in record["scores"]}


def test_a_run_on_a_broken_set_says_what_would_let_it_go_on(call, holes: str) -> None:
    done = call("run", "--method", "egoexo", "--dataset", holes, *FAST)
    assert done.exit_code == 1
    assert "1 of 32 media files of folder are missing" in done.stderr
    assert "--allow-missing" in done.stderr
    assert not Path("runs").exists()


def test_what_is_missing_is_left_out_and_written_down(call, holes: str) -> None:
    told = ("--dataset", holes, "--allow-missing", *FAST)
    record, scores = scored(call("run", "--method", "egoexo", *told, "--json"))
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
    shown = call("run", "--method", "egoexo", *told)
    assert "Used 30 of 32 clips" in shown.stdout
    assert "30 of 32 clips were used (93.8 %)" in page()


@pytest.mark.slow
def test_two_users_are_compared_on_the_clips_both_have(call, folder: Path, holes: str) -> None:
    assert call("data", "doctor", holes, "--save-subset", "mine.json").exit_code == 0
    told = ("--subset", "mine.json", *FAST, "--json")
    whole, full = scored(
        call("run", "--method", "egoexo", "--dataset", f"folder:path={folder}", *told)
    )
    part, less = scored(
        call("run", "--method", "egoexo", "--dataset", holes, *told, "--allow-missing")
    )
    assert whole["coverage"]["subset_hash"] == part["coverage"]["subset_hash"]
    assert full["eg2ex", "gallery"]["num_queries"] == less["eg2ex", "gallery"]["num_queries"] == 2
    other = call("run", "--method", "egoexo", "--dataset", "synthetic", "--subset", "mine.json")
    assert other.exit_code == 1
    assert "subset of data set 'folder'" in other.stderr


@pytest.mark.slow
def test_a_method_can_be_trained_on_one_set_and_scored_on_another(
    call, folder: Path, tmp_path: Path
) -> None:
    small = "synthetic:train=4,val=4,test=4,seed=3"
    target = f"folder:path={folder}"
    own, _ = scored(call("run", "--method", "egoexo", "--dataset", target, *FAST, "--json"))
    moved, _ = scored(
        call("run", "--method", "egoexo", "--dataset", target, "--train-on", small, *FAST, "--json")
    )
    assert own["trained_on"] is None
    assert moved["trained_on"]["spec"] == small
    assert moved["dataset"]["fingerprint"] == own["dataset"]["fingerprint"]
    text = page()
    assert f"epochs=1 trained on {small} \\*" in text
    assert "another data set than the one that is scored" in text
    assert [row.trained_on is None for row in read_reproduced_rows(Path("board"))].count(True) == 1
