"""Shortcuts of the retrieval tasks on real files."""

import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_data import FakeDataset, make_pair
from media_factory import SAMPLE_RATE, make_clip_rows, write_video

from egoexobench.data.decode import DecodedClip, decode_clip
from egoexobench.data.folder_dataset import CLIPS_TABLE, FolderDataset, write_table
from egoexobench.progress import NullProgress
from egoexobench.records.describe import describe_dataset
from egoexobench.records.shortcut_report import ShortcutReport
from egoexobench.registry import Registry
from egoexobench.shortcuts import features, synchrony
from egoexobench.shortcuts.data import ShortcutData
from egoexobench.shortcuts.retrieval import score_retrieval_shortcuts
from egoexobench.shortcuts.run import score_dataset_shortcuts
from egoexobench.shortcuts.track_queries import iter_track_queries
from egoexobench.spec import Spec
from egoexobench.types import CROSS_VIEW_TASKS, SPLITS, TEXT_TASKS, Clip


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
    monkeypatch.setattr(synchrony, "MAX_AUDIO_PAIRS", 63)
    other_report = score_folder(synchronous)
    assert "64 pairs of sounds" in other_report.unavailable["synchrony eg2ex gallery"]
    assert not [
        score for row in other_report.rows if row.name == "synchrony" for score in row.scores
    ]


def test_the_sounds_of_many_clips_are_not_kept(
    report: ShortcutReport, synchronous: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synchrony, "MAX_SOUND_CLIPS", 15)
    other_report = score_folder(synchronous)
    assert other_report.unavailable == {
        f"synchrony {task} gallery": "16 clips, and the sounds of at most 15 are compared"
        for task in (*CROSS_VIEW_TASKS, "association")
    }
    rows = [row for row in other_report.rows if row.name != "synchrony"]
    assert rows == [row for row in report.rows if row.name != "synchrony"]
    assert other_report.num_without_audio == report.num_without_audio


def test_the_same_seed_gives_the_same_rows(report: ShortcutReport, synchronous: Path) -> None:
    assert score_folder(synchronous) == report


def test_a_plan_of_many_clips_lists_no_pairs_and_keeps_no_sounds() -> None:
    dataset = FakeDataset([make_pair(f"p{number}") for number in range(3000)])
    tracks = list(iter_track_queries(dataset, "fake", CROSS_VIEW_TASKS))
    tracemalloc.start()
    plan = synchrony.list_comparisons(tracks, [clip.id for clip in dataset.clips("test")])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert plan.sound_ids == set()
    assert plan.skipped["eg2ex gallery"].startswith("at least 4500000 pairs of sounds")
    assert peak < 3e6


def test_tasks_with_texts_decode_nothing_and_equal_clips_are_decoded_once(
    synchronous: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = FolderDataset(synchronous)
    decoded: list[str] = []

    def record_clip(clip: Clip, *arguments: Any, **options: Any) -> DecodedClip:
        decoded.append(clip.id)
        return decode_clip(clip, *arguments, **options)

    monkeypatch.setattr(features, "decode_clip", record_clip)
    clips = {split: dataset.clips(split) for split in SPLITS}
    pairs = {split: dataset.pairs(split) for split in SPLITS}
    record = describe_dataset(Spec("folder", {"path": str(synchronous)}), Registry(), dataset)
    keys = {clip.id: clip.view for clip in clips["test"]}  # as if all clips of a view were equal
    data = ShortcutData(dataset, record, clips, pairs, clip_keys=keys)
    for tasks, num_decoded in ((TEXT_TASKS, 0), (CROSS_VIEW_TASKS, 2)):
        tracks = list(iter_track_queries(dataset, "folder", tasks))
        score_retrieval_shortcuts(data, tracks, NullProgress())
        assert len(decoded) == num_decoded
