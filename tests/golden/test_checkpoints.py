"""Every encoder on files of its own and of every other system: loaded whole, or not at all."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_states import SMALL
from torch import Tensor

from egoexobench.errors import DataError
from egoexobench.types import Frames
from egoexobench_plugins.beats.config import SIZES

SAME_FILE = {frozenset(("viclip", "viclip-text"))}
"""Systems whose encoders read the same checkpoint."""
Writer = Callable[[str, Callable[[str, Tensor], tuple[str, Tensor]]], Path]


@pytest.fixture(scope="module")
def givers() -> dict[str, Any]:
    torch.manual_seed(0)
    made = {name: one.make(**one.options) for name, one in SMALL.items()}
    with torch.no_grad():
        for encoder in made.values():
            for weight in encoder.parameters():
                weight.normal_(0, 0.2)
    return made


@pytest.fixture(scope="module")
def written(givers: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Writer:
    folder = tmp_path_factory.mktemp("checkpoints")
    counts = itertools.count()

    def write(name: str, change: Callable[[str, Tensor], tuple[str, Tensor]]) -> Path:
        state = SMALL[name].published(givers[name])
        content = {"model": dict(change(key, one) for key, one in state.items())}
        if name == "beats":
            content["cfg"] = SIZES["tiny"].model_dump()
        torch.save(content, path := folder / f"{next(counts)}.pt")
        return path

    return write


@pytest.fixture(scope="module")
def shared_files(written: Writer) -> dict[str, Path]:
    return {name: written(name, same) for name in SMALL}


def same(key: str, one: Tensor) -> tuple[str, Tensor]:
    return key, one


def halved(key: str, one: Tensor) -> tuple[str, Tensor]:
    return f"module.{key}", one.half() if one.is_floating_point() else one


def taken(name: str, file: Path) -> Any:
    return SMALL[name].make(**SMALL[name].options, weights=file)


@pytest.mark.parametrize("name", SMALL)
def test_halves_and_the_prefix_of_parallel_training_give_the_weights_up_to_rounding(
    name: str, givers: dict[str, Any], written: Writer
) -> None:
    found = taken(name, written(name, halved)).state_dict()
    own = givers[name].state_dict()
    assert found.keys() == own.keys()
    for key, one in own.items():
        assert found[key].dtype == one.dtype, key
        wanted = one.half().float() if one.is_floating_point() else one
        assert torch.equal(found[key], wanted), key


@pytest.mark.parametrize("name", SMALL)
def test_the_file_of_every_other_system_is_refused_in_one_line(
    name: str, written: Writer, shared_files: dict[str, Path]
) -> None:
    for other, file in shared_files.items():
        if other == name or frozenset((name, other)) in SAME_FILE:
            continue
        with pytest.raises(DataError) as caught:
            taken(name, file)
        said = str(caught.value)
        assert "\n" not in said, other
        assert file.name in said, other


@pytest.mark.parametrize("name", SMALL)
def test_one_weight_too_few_is_named_and_nothing_is_loaded(
    name: str, written: Writer, givers: dict[str, Any]
) -> None:
    own = SMALL[name].published(givers[name])
    lost = next(key for key in reversed(own) if key.endswith("bias") and "num_" not in key)

    def without(key: str, one: Tensor) -> tuple[str, Tensor]:
        return ("unheard.of" if key == lost else key), one

    with pytest.raises(DataError, match="missing"):
        taken(name, written(name, without))


PICTURES = (
    "timesformer",
    "viclip",
    "videomae",
    "internimage",
    "egoinstructor-ego",
    "internvideo1-mm",
)


@pytest.mark.parametrize("name", PICTURES)
def test_an_encoder_of_pictures_says_the_side_that_it_looks_at(name: str) -> None:
    encoder = SMALL[name].make(**SMALL[name].options)
    count = SMALL[name].options.get("frames", 4)
    source = Frames(np.zeros((count, 40, 60, 3), np.uint8), np.arange(count) / 8)
    assert encoder.prepare(source).shape == (count, encoder.resolution, encoder.resolution, 3)


@pytest.mark.parametrize("name", SMALL)
def test_a_frozen_encoder_is_still_and_takes_no_gradient(name: str) -> None:
    encoder = SMALL[name].make(**SMALL[name].options).train()
    assert encoder.frozen
    assert not any(module.training for module in encoder.modules())
    assert not any(weight.requires_grad for weight in encoder.parameters())
