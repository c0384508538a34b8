"""VideoMAE V2 equals the reference's outputs at random weights."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from egoexobench_plugins.videomae.model import Shape
from egoexobench_plugins.videomae.published import fit

FOLDER = Path(os.environ.get("EGOEXOBENCH_GOLDENS", "../shared/goldens"))
FILES = sorted(FOLDER.glob("videomaev2-*.json"))
pytestmark = [
    pytest.mark.golden,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no golden data in {FOLDER}"),
]


def shape(config: dict) -> Shape:
    return Shape(
        width=config["dim"],
        depth=config["depth"],
        heads=config["heads"],
        hidden=config.get("mlp_hidden") or int(config["dim"] * config["mlp_ratio"]),
        image=config["image_size"],
        patch=config["patch_size"],
        frames=config["num_frames"],
        tubelet=config["tubelet_size"],
        eps=config["norm_eps"],
        head_eps=config["fc_norm_eps"],
    )


def test_there_are_golden_files() -> None:
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_output_is_reproduced(path: Path) -> None:
    about = json.loads(path.read_text())
    tensors = load_file(path.with_suffix(".safetensors"))
    state = {k.removeprefix("state."): v for k, v in tensors.items() if k.startswith("state.")}
    model = fit(shape(about["config"]), state, path.name).eval()
    found = {}
    with torch.inference_mode():
        for name, given in tensors.items():
            if name.startswith("in.video"):
                case = name.removeprefix("in.video")
                video = given.transpose(1, 2)  # (B, 3, T, H, W) to (B, T, 3, H, W)
                found[f"out.logits{case}"] = model(video)
                found[f"out.features{case}"] = model.features(video)
    assert found.keys() == {key for key in tensors if key.startswith("out.")}
    for name, one in found.items():
        assert one.shape == tensors[name].shape, name
        difference = float((one - tensors[name]).abs().max())
        print(f"{path.stem} {name} {difference:.1e}")  # noqa: T201 - shown by -s
        assert difference <= about["tolerance_max_abs"], name
