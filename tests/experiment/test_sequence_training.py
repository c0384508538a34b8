"""A method that compares the tokens of two videos in time is trained, or refused in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_parts import PassThroughEncoder

from egoexobench.data.decode import read_media_info
from egoexobench.data.folder_dataset import CLIPS_TABLE, FolderDataset
from egoexobench.errors import UsageError
from egoexobench.experiment.clip_times import read_clip_times
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.objective_checks import check_objective_parts
from egoexobench.experiment.prepare import TrainedMethod, train_method
from egoexobench.experiment.validation import LAST_EPOCH_METRIC, choose_validation
from egoexobench.features.encoder_runner import EncoderRunner
from egoexobench.method import COMPACT_DEFAULTS, VALIDATION_METRIC
from egoexobench.progress import NullProgress
from egoexobench.registry import Registry
from egoexobench.spec import Spec
from egoexobench.types import PairSequences
from egoexobench_plugins.sequence_objectives.warped_cost import WarpedCost

NAMES = ("dtw-contrastive", "dtw", "dtw-consistency", "tcc", "vava", "mean-info-nce")
VIDEO_ALONE = {"text": "none", "anchor": "none", "epochs": "2", "batch_size": "4"}
TRAINED = "timesformer:system=egoexo,image=32,width=16,depth=1,heads=2,output=frames,trained=true"


@pytest.fixture(autouse=True)
def alignable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Both films of a pair of the folder are equal, so they can be aligned; nothing is cached."""
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(FolderDataset, "alignable", True, raising=False)
    count = torch.get_num_threads()
    yield
    torch.set_num_threads(count)


def train(folder: Path, **settings: str) -> TrainedMethod:
    config = RunConfig(
        Spec("egoexo"),
        Spec("folder", {"path": str(folder)}),
        overrides={"embed_dim": "16"} | settings,
        num_workers=0,
    )
    return train_method(config, RunContext(Registry(), NullProgress()))


def record_sequences(monkeypatch: pytest.MonkeyPatch) -> list[PairSequences]:
    """What the objective `dtw` gets."""
    received: list[PairSequences] = []
    compare = WarpedCost.compare_sequences

    def record(self: WarpedCost, sequences: PairSequences, pairs: object) -> torch.Tensor:
        received.append(sequences)
        return compare(self, sequences, pairs)  # type: ignore[arg-type]

    monkeypatch.setattr(WarpedCost, "compare_sequences", record)
    return received


@pytest.mark.parametrize(
    "name", [part.name for part in Registry().list_parts("objective") if "nce" not in part.name]
)
def test_each_objective_moves_the_weights_of_the_video_branch(folder: Path, name: str) -> None:
    trained = train(folder, objective=name, **VIDEO_ALONE)
    fresh = train(folder, objective=name, **VIDEO_ALONE | {"lr": "0"})
    weights, start = trained.model.state_dict(), fresh.model.state_dict()
    assert set(weights) == set(start)
    assert {key.split(".")[1] for key in weights} == {"video-ego"}
    assert not torch.equal(
        weights["projectors.video-ego.project.weight"], start["projectors.video-ego.project.weight"]
    )
    assert trained.best_epoch is not None


def test_an_objective_gets_times_durations_and_steps(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = record_sequences(monkeypatch)
    train(folder, objective="dtw", **VIDEO_ALONE, num_frames="5")
    duration = read_media_info(str(folder / "a-ego.mp4")).seconds
    assert [batch.num_steps for batch in received] == [0, 1, 2, 3]
    for batch in received:
        assert batch.ego.values.shape == (4, 5, 16)
        assert bool(batch.ego.mask.all())
        assert batch.ego_durations.tolist() == pytest.approx([duration] * 4)
        times = batch.exo_times.numpy()
        assert (np.diff(times) > 0).all()
        assert ((times >= 0) & (times <= 1)).all()


def test_random_frames_have_times_of_their_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = record_sequences(monkeypatch)
    settings = VIDEO_ALONE | {"video": TRAINED, "augment": "egoexolearn", "num_frames": "3"}
    trained = train(folder, objective="dtw", **settings)
    stored = read_clip_times(
        trained.parts.method, trained.parts.encoders, trained.scored.inputs.clips["train"]
    )
    usual = {tuple(np.float32(times.tokens)) for times in stored.values()}
    drawn = {tuple(row) for batch in received for row in batch.ego_times.numpy()}
    assert len(drawn) > 5
    assert not drawn <= usual


def test_the_epoch_is_chosen_by_the_pairs_of_val_or_is_the_last_one(
    folder: Path, tmp_path: Path
) -> None:
    trained = train(folder, objective="dtw", **VIDEO_ALONE)
    assert choose_validation(trained.parts, trained.trained_on).name == VALIDATION_METRIC
    without = shutil.copytree(folder, tmp_path / "without-val")
    lines = (folder / CLIPS_TABLE).read_text(encoding="utf-8").splitlines(keepends=True)
    remaining = [line for line in lines if json.loads(line)["split"] != "val"]
    (without / CLIPS_TABLE).write_text("".join(remaining), encoding="utf-8")
    trained = train(without, objective="dtw", **VIDEO_ALONE | {"epochs": "3"})
    assert choose_validation(trained.parts, trained.trained_on).name == LAST_EPOCH_METRIC
    assert trained.best_epoch is not None
    assert (trained.best_epoch.epoch, trained.best_epoch.validation_value) == (3, 3.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"objective": "dtw"},
            "not text, anchor; add --set text=none --set anchor=none",
        ),
        ({"anchor": "none"}, "method 'egoexo' needs an anchor because objective is set"),
        (
            VIDEO_ALONE | {"objective": "dtw", "video": "none", "audio": "logmel"},
            "not audio; add --set audio=none",
        ),
        (
            VIDEO_ALONE | {"objective": "dtw", "video": TRAINED.replace("frames", "cls")},
            "output=cls gives no token for each frame",
        ),
        (
            VIDEO_ALONE | {"objective": "dtw", "video": "none", "joint": "none"},
            "needs a video, an audio or a joint encoder",
        ),
    ],
)
def test_parts_that_do_not_fit_are_one_line(
    folder: Path, settings: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        train(folder, **settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pairs_that_cannot_be_aligned_are_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FolderDataset, "alignable", False)
    with pytest.raises(UsageError, match=r"folder.* does not say that they show the same actions"):
        train(folder, objective="dtw", **VIDEO_ALONE)


def test_an_encoder_without_times_is_one_line() -> None:
    method = replace(COMPACT_DEFAULTS, name="m", audio=None, text=None, objective="dtw")
    runner = EncoderRunner(PassThroughEncoder("video", 4), "", label="encoder 'x'")
    with pytest.raises(UsageError, match="encoder 'x' does not say the times of its tokens"):
        check_objective_parts(method, WarpedCost(1.0, 1.0, 1.0, "hard"), None, {"video": runner})
