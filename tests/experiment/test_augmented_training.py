"""A method that changes pictures at random is trained, and goes on after an interruption."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from egoexobench.data.augmentation import Augmentation
from egoexobench.errors import UsageError
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.prepare import train_method
from egoexobench.features.picture_loader import PictureLoader
from egoexobench.progress import NullProgress
from egoexobench.registry import Registry
from egoexobench.spec import Spec

VIDEO = "timesformer:system=egoexo,image=32,width=16,depth=1,heads=2,output=cls,trained=true"


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    count = torch.get_num_threads()
    yield
    torch.set_num_threads(count)


def train(folder: Path, num_workers: int = 0, **settings: str) -> dict[str, torch.Tensor]:
    overrides = {"video": VIDEO, "epochs": "2", "batch_size": "4", "embed_dim": "16"} | settings
    config = RunConfig(
        Spec("soundbridge"),
        Spec("folder", {"path": str(folder)}),
        overrides=overrides,
        num_workers=num_workers,
    )
    model = train_method(config, RunContext(Registry(), NullProgress())).model
    return {name: value.clone() for name, value in model.state_dict().items()}


def are_equal(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def test_pictures_that_are_decoded_and_not_changed_train_to_the_same_bits_as_stored_ones(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "stored"))
    expected = train(folder)
    num_loads = 0
    load = PictureLoader.load

    def count_loads(self: PictureLoader, requests: object) -> object:
        nonlocal num_loads
        num_loads += 1
        return load(self, requests)  # type: ignore[arg-type]

    monkeypatch.setattr(PictureLoader, "load", count_loads)
    monkeypatch.setattr(Augmentation, "changes_nothing", False)
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "decoded"))
    assert are_equal(train(folder), expected)
    assert num_loads == 2


@pytest.mark.slow
def test_workers_change_no_number_of_a_training_with_augmentation(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "plain"))
    plain = train(folder)
    results = []
    for num_workers in (0, 1):
        monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / str(num_workers)))
        results.append(train(folder, num_workers, augment="egoexolearn"))
    assert are_equal(*results)
    assert not are_equal(results[0], plain)


def test_an_augmentation_without_a_trained_encoder_of_pictures_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path))
    with pytest.raises(UsageError, match=r"augment=egovlp .* would change nothing.*augment=none"):
        train(folder, video="color-grid", augment="egovlp")
