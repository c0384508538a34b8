"""Shortcuts of the recognition tasks."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from egoexobench.cli import main
from egoexobench.evaluation.queries import LabeledClip
from egoexobench.shortcuts.recognition import _score_feature


def asked(labels: list[str]) -> dict[str, list[LabeledClip]]:
    return {
        split: [
            LabeledClip(f"{split}{i}", (label,), f"{split}{i}") for i, label in enumerate(labels)
        ]
        for split in ("train", "val", "test")
    }


LABELS = ["loud", "quiet"] * 10


def test_a_number_that_gives_the_class_away_is_found_out() -> None:
    given = asked(LABELS)
    values = {
        item.clip_id: float(item.labels == ("loud",)) for part in given.values() for item in part
    }
    found = _score_feature(given, values)
    assert found
    assert found.metrics["hit_rate_at_1"].value == 100


def test_a_word_that_gives_the_class_away_is_found_out() -> None:
    given = asked(LABELS)
    values = {item.clip_id: item.labels[0].upper() for part in given.values() for item in part}
    found = _score_feature(given, values)
    assert found
    assert found.metrics["hit_rate_at_1"].value == 100


def test_a_number_that_is_always_the_same_tells_nothing() -> None:
    given = asked(LABELS)
    found = _score_feature(
        given, dict.fromkeys((i.clip_id for part in given.values() for i in part), 2.0)
    )
    assert found
    assert found.metrics["hit_rate_at_1"].value == pytest.approx(50)


def test_without_the_cue_there_is_no_row() -> None:
    assert _score_feature(asked(LABELS), {}) is None


@pytest.mark.slow
def test_a_record_holds_them_beside_the_score(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))
    told = ("run", "--method", "logmel-neighbor", "--dataset", f"folder:path={folder}")
    done = CliRunner().invoke(main, (*told, "--task", "scene", "--task", "action", "--json"))
    assert done.exit_code == 0, done.stderr
    record = json.loads(done.stdout)
    rows = {row["name"]: {score["task"] for score in row["scores"]} for row in record["references"]}
    assert rows["duration"] == rows["loudness"] == {"scene", "action"}
    assert rows["scene"] == {"action"}  # a scene is not recognised from itself
    own = {score["task"]: score["track_fingerprint"] for score in record["scores"]}
    for row in record["references"]:
        for score in row["scores"]:
            assert score["track_fingerprint"] == own[score["task"]]
