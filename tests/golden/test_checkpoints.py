"""Every encoder on files of its own and of every other system: loaded whole, or not at all."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_states import SMALL_ENCODERS
from torch import Tensor

from egoexobench.errors import DataError
from egoexobench.types import Frames
from egoexobench_plugins.beats.config import SIZES

SAME_FILE = {frozenset(("viclip", "viclip-text"))}
"""Systems whose encoders read the same checkpoint."""
Writer = Callable[[str, Callable[[str, Tensor], tuple[str, Tensor]]], Path]


@pytest.fixture(scope="module")
def originals() -> dict[str, Any]:
    torch.manual_seed(0)
    encoders = {name: value.make(**value.options) for name, value in SMALL_ENCODERS.items()}
    with torch.no_grad():
        for encoder in encoders.values():
            for weight in encoder.parameters():
                weight.normal_(0, 0.2)
    return encoders


@pytest.fixture(scope="module")
def write_checkpoint(originals: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Writer:
    folder = tmp_path_factory.mktemp("checkpoints")
    counts = itertools.count()

    def write(name: str, change: Callable[[str, Tensor], tuple[str, Tensor]]) -> Path:
        state = SMALL_ENCODERS[name].publish(originals[name])
        content = {"model": dict(change(key, value) for key, value in state.items())}
        if name == "beats":
            content["cfg"] = SIZES["tiny"].model_dump()
        torch.save(content, path := folder / f"{next(counts)}.pt")
        return path

    return write


@pytest.fixture(scope="module")
def shared_files(write_checkpoint: Writer) -> dict[str, Path]:
    return {name: write_checkpoint(name, keep_value) for name in SMALL_ENCODERS}


def keep_value(key: str, value: Tensor) -> tuple[str, Tensor]:
    return key, value


def halve_value(key: str, value: Tensor) -> tuple[str, Tensor]:
    return f"module.{key}", value.half() if value.is_floating_point() else value


def load_encoder(name: str, file: Path) -> Any:
    return SMALL_ENCODERS[name].make(**SMALL_ENCODERS[name].options, weights=file)


@pytest.mark.parametrize("name", SMALL_ENCODERS)
def test_halves_and_the_prefix_of_parallel_training_give_the_weights_up_to_rounding(
    name: str, originals: dict[str, Any], write_checkpoint: Writer
) -> None:
    outputs = load_encoder(name, write_checkpoint(name, halve_value)).state_dict()
    original_state = originals[name].state_dict()
    assert outputs.keys() == original_state.keys()
    for key, value in original_state.items():
        assert outputs[key].dtype == value.dtype, key
        expected = value.half().float() if value.is_floating_point() else value
        assert torch.equal(outputs[key], expected), key


@pytest.mark.parametrize("name", SMALL_ENCODERS)
def test_the_file_of_every_other_system_is_refused_in_one_line(
    name: str, write_checkpoint: Writer, shared_files: dict[str, Path]
) -> None:
    for other, file in shared_files.items():
        if other == name or frozenset((name, other)) in SAME_FILE:
            continue
        with pytest.raises(DataError) as caught:
            load_encoder(name, file)
        message = str(caught.value)
        assert "\n" not in message, other
        assert file.name in message, other


@pytest.mark.parametrize("name", SMALL_ENCODERS)
def test_one_weight_too_few_is_named_and_nothing_is_loaded(
    name: str, write_checkpoint: Writer, originals: dict[str, Any]
) -> None:
    original_state = SMALL_ENCODERS[name].publish(originals[name])
    lost = next(
        key for key in reversed(original_state) if key.endswith("bias") and "num_" not in key
    )

    def rename_lost(key: str, value: Tensor) -> tuple[str, Tensor]:
        return ("unheard.of" if key == lost else key), value

    with pytest.raises(DataError, match="missing"):
        load_encoder(name, write_checkpoint(name, rename_lost))


VIDEO_ENCODERS = (
    "timesformer",
    "viclip",
    "videomae",
    "internimage",
    "egoinstructor-ego",
    "internvideo1-mm",
)


@pytest.mark.parametrize("name", VIDEO_ENCODERS)
def test_an_encoder_of_pictures_says_the_side_that_it_looks_at(name: str) -> None:
    encoder = SMALL_ENCODERS[name].make(**SMALL_ENCODERS[name].options)
    count = SMALL_ENCODERS[name].options.get("frames", 4)
    source = Frames(np.zeros((count, 40, 60, 3), np.uint8), np.arange(count) / 8)
    assert encoder.prepare(source).shape == (count, encoder.resolution, encoder.resolution, 3)


@pytest.mark.parametrize("name", SMALL_ENCODERS)
def test_a_frozen_encoder_is_still_and_takes_no_gradient(name: str) -> None:
    encoder = SMALL_ENCODERS[name].make(**SMALL_ENCODERS[name].options).train()
    assert encoder.frozen
    assert not any(module.training for module in encoder.modules())
    assert not any(weight.requires_grad for weight in encoder.parameters())
