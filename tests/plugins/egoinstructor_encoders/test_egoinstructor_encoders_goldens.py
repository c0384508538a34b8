"""Both networks equal the reference's outputs at random weights."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from egoexobench_plugins.egoinstructor_encoders import ego, exo

FOLDER = Path(os.environ.get("EGOEXOBENCH_GOLDENS", "../shared/goldens"))
EGO = sorted(FOLDER.glob("egoinstructor-ego-encoder-*.json"))
EXO = sorted(FOLDER.glob("internvideo1-mm-*.json"))
pytestmark = [
    pytest.mark.golden,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no golden data in {FOLDER}"),
]


def _read(path: Path) -> tuple[dict, dict, dict, dict]:
    tensors = load_file(path.with_suffix(".safetensors"))
    parts = [
        {key.removeprefix(part): one for key, one in tensors.items() if key.startswith(part)}
        for part in ("state.", "in.", "out.")
    ]
    return json.loads(path.read_text()), *parts


def _equal(path: Path, about: dict, found: dict, wanted: dict) -> None:
    assert found.keys() == wanted.keys()
    for name, expected in wanted.items():
        assert found[name].shape == expected.shape, name
        difference = float((found[name] - expected).abs().max())
        print(f"{path.stem} {name} {difference:.1e}")  # noqa: T201 - shown by -s
        assert difference <= about["tolerance_max_abs"], name


def test_there_are_golden_files() -> None:
    assert EGO
    assert EXO


@pytest.mark.parametrize("path", EGO, ids=lambda path: path.stem)
def test_every_output_of_the_ego_encoder_is_reproduced(path: Path) -> None:
    about, state, given, wanted = _read(path)
    config = about["config"]
    shape = ego.Shape(
        width=config["dim"],
        depth=config["depth"],
        heads=config["heads"],
        hidden=config.get("mlp_hidden") or int(config["dim"] * config["mlp_ratio"]),
        out=0,
        image=config["image_size"],
        patch=config["patch_size"],
        frames=config["num_frames"],
        tubelet=config["tubelet_size"],
        eps=config["norm_eps"],
    )
    model = ego.fit(shape, state, path.name).eval()
    found = {}
    with torch.inference_mode():
        for name, one in given.items():
            video = one.transpose(1, 2)  # (B, 3, T, H, W) to (B, T, 3, H, W)
            found[name.replace("video", "tokens", 1)] = model.tubes(video)
            found[name.replace("video", "mean", 1)] = model(video, "clip")[:, 0]
    _equal(path, about, found, wanted)


@pytest.mark.parametrize("path", EXO, ids=lambda path: path.stem)
def test_every_output_of_internvideo1_mm_is_reproduced(path: Path) -> None:
    about, state, given, wanted = _read(path)
    config, vision = about["config"], about["config"]["vision"]
    shape = exo.Shape(
        width=vision["width"],
        layers=vision["layers"],
        heads=vision["heads"],
        taps=tuple(vision["return_list"]),
        text_width=config["text_width"],
        text_layers=config["text_layers"],
        text_heads=config["text_heads"],
        out=config["embed_dim"],
        image=vision["image_size"],
        patch=vision["patch_size"],
        frames=vision["num_frames"],
        context=config["context_length"],
        vocabulary=config["vocab_size"],
    )
    model = exo.fit(shape, state, path.name).eval()
    found = {}
    with torch.inference_mode():
        for name, one in given.items():
            if name.startswith("video"):
                video = one.transpose(1, 2)
                found[name.replace("video", "video_embed", 1)] = model.exo.clip(video)
                found[name.replace("video", "visual_feature", 1)] = model.exo.visual(video)
            else:
                found[name.replace("tokens", "text_embed", 1)] = model.text(one)
    _equal(path, about, found, wanted)
