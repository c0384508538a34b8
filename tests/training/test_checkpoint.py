"""Stored weights are those that were written, or the method is trained again."""

from pathlib import Path

import pytest
import torch
from file_damage import DAMAGES, damage_file
from torch import nn

from egoexobench.errors import NoticeWarning
from egoexobench.hashing import hash_json
from egoexobench.training.checkpoint import load_checkpoint, read_identity, save_checkpoint
from egoexobench.training.training_task import BestEpoch, EpochResult

BEST = BestEpoch(2, 0.5, (EpochResult(1.5, 0.25), EpochResult(1.0, 0.5)))
IDENTITY = {"method": "linear", "seed": 0}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / f"{hash_json(IDENTITY)}.safetensors"
    torch.manual_seed(0)
    save_checkpoint(path, nn.Linear(200, 10), BEST, IDENTITY)
    return path


def test_weights_their_epochs_and_what_decided_them_are_read_back(weights: Path) -> None:
    torch.manual_seed(0)
    trained, model = nn.Linear(200, 10), nn.Linear(200, 10)
    assert load_checkpoint(weights, model) == BEST
    assert torch.equal(model.weight, trained.weight)
    assert read_identity(weights) == IDENTITY


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_weights_are_not_loaded_and_one_line_names_them(
    weights: Path, damage: str, seed: int
) -> None:
    damage_file(weights, damage, seed)
    model = nn.Linear(200, 10)
    before = model.weight.clone()
    with pytest.warns(NoticeWarning, match=f"{weights} is damaged: .*trained again") as lines:
        assert load_checkpoint(weights, model) is None
    assert (len(lines), torch.equal(model.weight, before)) == (1, True)
    assert read_identity(weights) in ({}, IDENTITY)


def test_weights_of_another_training_are_not_loaded(weights: Path) -> None:
    path = weights.rename(weights.with_stem(hash_json({"method": "linear", "seed": 1})))
    with pytest.warns(NoticeWarning, match="is damaged: it has the weights of another training"):
        assert load_checkpoint(path, nn.Linear(200, 10)) is None


@pytest.mark.filterwarnings("error")
def test_weights_that_do_not_exist_are_no_damage(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "none.safetensors", nn.Linear(2, 1)) is None
    assert read_identity(tmp_path / "none.safetensors") == {}
