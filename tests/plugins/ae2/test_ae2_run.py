"""AE2 in whole runs: it is trained on pairs of videos, and every frame is scored."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from ae2_root import write_ae2_root

import egoexobench as ee
from egoexobench.errors import DataError
from egoexobench.results.run_result import RunResult
from egoexobench.types import FRAME_DIRECTIONS, FRAME_TASKS
from egoexobench.verification.bundle import verify_bundle

TINY = {"epochs": "1", "num_frames": "6", "objective": "dtw-contrastive:positions=3"}
COUNTS = {"train": 2, "val": 2, "test": 2}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("ae2")
    write_ae2_root(folder, counts=COUNTS)
    write_ae2_root(folder, "pour_milk", counts=COUNTS, with_boxes=False)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGOEXOBENCH_CACHE", str(folder / "cache"))
        yield folder
    torch.set_num_threads(threads)


def run_method(root: Path, method: str, dataset: str, **settings: str) -> RunResult:
    """Run at paper scale, for one epoch."""
    return ee.run(
        method,
        dataset=dataset,
        scale="paper",
        out=root / "runs",
        set=TINY | settings,
        progress=False,
    )


def test_the_network_of_boxes_is_trained_and_every_frame_is_scored(root: Path) -> None:
    result = run_method(root, "ae2:size=tiny", f"ae2:root={root}")
    scores = {(score.task, score.policy): score for score in result.record.scores}
    assert scores.keys() == {(task, way) for task in FRAME_TASKS for way in FRAME_DIRECTIONS}
    assert scores["phase", "regular"].num_queries == 2 * (20 + 21), "every frame of four videos"
    assert scores["phase", "ego2exo"].num_queries == 20 + 21
    assert scores["alignment", "regular"].num_queries <= 4 * 3
    assert result.record.checkpoint_selection is not None
    assert "Kendall" in result.record.checkpoint_selection.validation_metric
    assert not verify_bundle(result.path).differences


def test_the_boxes_of_a_video_change_the_vectors_of_its_frames(root: Path) -> None:
    sizes = ("published", "frame")  # the boxes lie elsewhere in the picture
    spec = "ae2:size=tiny"
    values = [
        run_method(root, spec, f"ae2:root={root},boxes={size}", objective="none")
        .record.scores[0]
        .metrics
        for size in sizes
    ]
    assert values[0] != values[1]
    with pytest.raises(DataError, match="the clip has no boxes of hands and objects"):
        run_method(root, spec, f"ae2:root={root},boxes=none")


def test_pour_milk_is_trained_without_boxes(root: Path) -> None:
    method, dataset = "ae2:size=tiny,activity=pour_milk", f"ae2:root={root},activity=pour_milk"
    result = run_method(root, method, dataset, objective="dtw")
    assert len(result.record.scores) == len(FRAME_TASKS) * len(FRAME_DIRECTIONS)


def test_a_method_that_reads_texts_says_that_the_pairs_have_none(root: Path) -> None:
    with pytest.raises(DataError, match="other pairs to train on lack a text that the method"):
        ee.run("video-only", dataset=f"ae2:root={root}", out=root / "runs", progress=False)
