"""Shortcuts of the recognition tasks."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from egoexobench.cli import main
from egoexobench.evaluation.queries import LabeledClip
from egoexobench.shortcuts.recognition import _score_feature


def make_clips_by_split(labels: list[str]) -> dict[str, list[LabeledClip]]:
    return {
        split: [
            LabeledClip(f"{split}{i}", (label,), f"{split}{i}") for i, label in enumerate(labels)
        ]
        for split in ("train", "val", "test")
    }


LABELS = ["loud", "quiet"] * 10


def test_a_number_that_determines_the_class_scores_100() -> None:
    clips_by_split = make_clips_by_split(LABELS)
    values = {
        item.clip_id: float(item.labels == ("loud",))
        for part in clips_by_split.values()
        for item in part
    }
    result = _score_feature(clips_by_split, values)
    assert result
    assert result.metrics["hit_rate_at_1"].value == 100


def test_a_word_that_determines_the_class_scores_100() -> None:
    clips_by_split = make_clips_by_split(LABELS)
    values = {
        item.clip_id: item.labels[0].upper() for part in clips_by_split.values() for item in part
    }
    result = _score_feature(clips_by_split, values)
    assert result
    assert result.metrics["hit_rate_at_1"].value == 100


def test_a_constant_number_scores_chance() -> None:
    clips_by_split = make_clips_by_split(LABELS)
    result = _score_feature(
        clips_by_split,
        dict.fromkeys((i.clip_id for part in clips_by_split.values() for i in part), 2.0),
    )
    assert result
    assert result.metrics["hit_rate_at_1"].value == pytest.approx(50)


def test_a_feature_without_values_has_no_score() -> None:
    assert _score_feature(make_clips_by_split(LABELS), {}) is None


@pytest.mark.slow
def test_a_record_has_the_shortcuts_beside_the_score(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))
    arguments = ("run", "--method", "logmel-neighbor", "--dataset", f"folder:path={folder}")
    result = CliRunner().invoke(main, (*arguments, "--task", "scene", "--task", "action", "--json"))
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    rows = {row["name"]: {score["task"] for score in row["scores"]} for row in record["references"]}
    assert rows["duration"] == rows["loudness"] == {"scene", "action"}
    assert rows["scene"] == {"action"}  # the scene is not a shortcut for itself
    own = {score["task"]: score["track_fingerprint"] for score in record["scores"]}
    for row in record["references"]:
        for score in row["scores"]:
            assert score["track_fingerprint"] == own[score["task"]]
