"""Shortcuts of the retrieval tasks on real files."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from media_factory import SAMPLE_RATE, make_clip_rows, write_video

from egoexobench.data.folder_dataset import CLIPS_TABLE, write_table
from egoexobench.progress import NullProgress
from egoexobench.records.shortcut_report import ShortcutReport
from egoexobench.registry import Registry
from egoexobench.shortcuts import retrieval
from egoexobench.shortcuts.run import score_dataset_shortcuts
from egoexobench.spec import Spec

CROSS_VIEW_TASKS = ("eg2ex", "ex2eg")


@pytest.fixture(scope="module")
def synchronous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pairs recorded by two microphones at once, one of them later and quieter."""
    root, rng = tmp_path_factory.mktemp("synchronous"), np.random.default_rng(0)
    names = list("abcdefgh")
    write_table(root / CLIPS_TABLE, make_clip_rows(names, "test"))
    for i, name in enumerate(names):
        event = (0.2 * rng.standard_normal(2 * SAMPLE_RATE)).astype(np.float32)
        exo = np.concatenate([np.zeros(500, np.float32), 0.3 * event])[: 2 * SAMPLE_RATE]
        write_video(root / f"{name}-ego.mp4", waveform=event[None], seed=i)
        write_video(root / f"{name}-exo.mp4", waveform=exo[None], seed=9 + i, seconds=2 if i else 1)
    return root


def score_folder(path: Path) -> ShortcutReport:
    spec = Spec("folder", {"path": str(path)})
    return score_dataset_shortcuts(spec, 0, Registry(), NullProgress())


@pytest.fixture(scope="module")
def report(synchronous: Path) -> ShortcutReport:
    return score_folder(synchronous)


def get_hit_rate_at_1(
    report: ShortcutReport, name: str, task: str, policy: str = "gallery"
) -> float:
    (row,) = (row for row in report.rows if row.name == name)
    (score,) = (s for s in row.scores if (s.task, s.policy) == (task, policy))
    return score.metrics["hit_rate_at_1"].value


@pytest.mark.parametrize("task", CROSS_VIEW_TASKS)
def test_synchrony_solves_synchronous_takes(report: ShortcutReport, task: str) -> None:
    assert get_hit_rate_at_1(report, "synchrony", task) == 100
    assert get_hit_rate_at_1(report, "chance", task) == pytest.approx(12.5)
    assert get_hit_rate_at_1(report, "oracle", task) == 100


def test_the_association_row_of_a_shortcut_is_the_mean_of_both_directions(
    report: ShortcutReport,
) -> None:
    for name in ("chance", "oracle", "duration", "loudness", "scene", "narration", "synchrony"):
        both = [get_hit_rate_at_1(report, name, task) for task in CROSS_VIEW_TASKS]
        assert get_hit_rate_at_1(report, name, "association") == pytest.approx(sum(both) / 2), name


def test_the_scene_label_scores_one_in_four(report: ShortcutReport) -> None:
    # four of eight pairs have each scene, and a tie scores the mean
    for task in ("eg2ex", "ex2eg", "t2v", "v2t"):
        assert get_hit_rate_at_1(report, "scene", task) == pytest.approx(25)


def test_narrations_that_name_the_object_match_each_other(report: ShortcutReport) -> None:
    assert get_hit_rate_at_1(report, "narration", "t2v") == 100
    assert get_hit_rate_at_1(report, "narration", "eg2ex") == 100


def test_a_text_has_no_duration_loudness_or_sound(report: ShortcutReport) -> None:
    for row in report.rows:
        tasks = {score.task for score in row.scores}
        media_only = row.name in ("duration", "loudness", "synchrony")
        assert tasks == {*CROSS_VIEW_TASKS, "association"} | (
            set() if media_only else {"t2v", "v2t"}
        )
    reads = {row.name: row.reads for row in report.rows}
    assert reads["synchrony"] == reads["loudness"] == "media"
    assert reads["scene"] == reads["narration"] == "annotation"


def test_a_clip_without_audio_is_dropped_and_counted(synchronous: Path, tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    shutil.copytree(synchronous, clips)
    write_video(clips / "c-exo.mp4", seconds=2)
    other_report = score_folder(clips)
    assert other_report.num_without_audio == 1
    (row,) = (row for row in other_report.rows if row.name == "synchrony")
    counts = {
        score.task: (score.num_queries, score.num_dropped, score.num_missing_candidates)
        for score in row.scores
    }
    assert counts == {"eg2ex": (7, 1, 1), "ex2eg": (7, 1, 0), "association": (14, 2, 1)}


def test_too_many_audio_pairs_are_skipped_with_a_reason(
    synchronous: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "MAX_AUDIO_PAIRS", 63)
    other_report = score_folder(synchronous)
    assert "64 pairs of sounds" in other_report.unavailable["synchrony eg2ex gallery"]
    assert not [
        score for row in other_report.rows if row.name == "synchrony" for score in row.scores
    ]


def test_tracks_that_do_not_fit_in_memory_are_skipped_with_a_reason(
    synchronous: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "MAX_SCORES", 64)  # both-views has 8 texts and 16 clips
    other_report = score_folder(synchronous)
    reason = "8 sources and 16 candidates are too many to compare"
    assert other_report.unavailable["duration association gallery"].startswith("16 sources")
    assert other_report.unavailable["narration t2v both-views"] == reason
    assert get_hit_rate_at_1(other_report, "synchrony", "eg2ex") == 100


def test_the_sounds_of_many_clips_are_not_kept(
    report: ShortcutReport, synchronous: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "MAX_SOUND_CLIPS", 15)
    other_report = score_folder(synchronous)
    assert other_report.unavailable == {
        "synchrony": "16 clips, and the sounds of at most 15 are compared"
    }
    rows = [row for row in other_report.rows if row.name != "synchrony"]
    assert rows == [row for row in report.rows if row.name != "synchrony"]
    assert other_report.num_without_audio == report.num_without_audio


def test_the_same_seed_gives_the_same_rows(report: ShortcutReport, synchronous: Path) -> None:
    assert score_folder(synchronous) == report
