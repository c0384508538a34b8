"""Shortcuts on real files."""

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

ACROSS = ("eg2ex", "ex2eg")


@pytest.fixture(scope="module")
def synchronous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pairs that were recorded at once by two microphones, one of them late and quieter."""
    root, rng = tmp_path_factory.mktemp("synchronous"), np.random.default_rng(0)
    names = list("abcdefgh")
    write_table(root / CLIPS_TABLE, make_clip_rows(names, "test"))
    for at, name in enumerate(names):
        event = (0.2 * rng.standard_normal(2 * SAMPLE_RATE)).astype(np.float32)
        exo = np.concatenate([np.zeros(500, np.float32), 0.3 * event])[: 2 * SAMPLE_RATE]
        write_video(root / f"{name}-ego.mp4", waveform=event[None], seed=at)
        write_video(
            root / f"{name}-exo.mp4", waveform=exo[None], seed=9 + at, seconds=2 if at else 1
        )
    return root


def score_folder(path: Path) -> ShortcutReport:
    spec = Spec("folder", {"path": str(path)})
    return score_dataset_shortcuts(spec, 0, Registry(), NullProgress())


@pytest.fixture(scope="module")
def found(synchronous: Path) -> ShortcutReport:
    return score_folder(synchronous)


def top(found: ShortcutReport, name: str, task: str, policy: str = "gallery") -> float:
    (row,) = (row for row in found.rows if row.name == name)
    (score,) = (s for s in row.scores if (s.task, s.policy) == (task, policy))
    return score.metrics["hit_rate_at_1"].value


@pytest.mark.parametrize("task", ACROSS)
def test_synchrony_solves_synchronous_takes(found: ShortcutReport, task: str) -> None:
    assert top(found, "synchrony", task) == 100
    assert top(found, "chance", task) == pytest.approx(12.5)
    assert top(found, "oracle", task) == 100


def test_the_association_row_of_a_shortcut_is_the_mean_of_both_directions(
    found: ShortcutReport,
) -> None:
    for name in ("chance", "oracle", "duration", "loudness", "scene", "narration", "synchrony"):
        both = [top(found, name, task) for task in ACROSS]
        assert top(found, name, "association") == pytest.approx(sum(both) / 2), name


def test_the_scene_label_is_worth_what_it_tells(found: ShortcutReport) -> None:
    # four of eight share each scene, and ties are shared
    for task in ("eg2ex", "ex2eg", "t2v", "v2t"):
        assert top(found, "scene", task) == pytest.approx(25)


def test_narrations_that_name_the_object_find_each_other(found: ShortcutReport) -> None:
    assert top(found, "narration", "t2v") == 100
    assert top(found, "narration", "eg2ex") == 100


def test_a_text_has_no_duration_loudness_or_sound(found: ShortcutReport) -> None:
    for row in found.rows:
        tasks = {score.task for score in row.scores}
        alone = row.name in ("duration", "loudness", "synchrony")
        assert tasks == {*ACROSS, "association"} | (set() if alone else {"t2v", "v2t"})
    reads = {row.name: row.reads for row in found.rows}
    assert reads["synchrony"] == reads["loudness"] == "media"
    assert reads["scene"] == reads["narration"] == "annotation"


def test_a_clip_without_sound_is_dropped_and_counted(synchronous: Path, tmp_path: Path) -> None:
    own = tmp_path / "clips"
    shutil.copytree(synchronous, own)
    write_video(own / "c-exo.mp4", seconds=2)
    told = score_folder(own)
    assert told.num_without_audio == 1
    (row,) = (row for row in told.rows if row.name == "synchrony")
    counts = {
        score.task: (score.num_queries, score.num_dropped, score.num_missing_candidates)
        for score in row.scores
    }
    assert counts == {"eg2ex": (7, 1, 1), "ex2eg": (7, 1, 0), "association": (14, 2, 1)}


def test_too_many_sounds_are_left_out_with_a_reason(
    synchronous: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "MAX_AUDIO_PAIRS", 63)
    told = score_folder(synchronous)
    assert "64 pairs of sounds" in told.unavailable["synchrony eg2ex gallery"]
    assert not [score for row in told.rows if row.name == "synchrony" for score in row.scores]


def test_the_same_seed_gives_the_same_rows(found: ShortcutReport, synchronous: Path) -> None:
    assert score_folder(synchronous) == found
