"""ViCLIP equals the reference's outputs at random weights."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from egoexobench.weights.load import load_strict
from egoexobench_plugins.viclip.model import Shape, ViCLIP

FOLDER = Path(os.environ.get("EGOEXOBENCH_GOLDENS", "../shared/goldens"))
FILES = sorted(FOLDER.glob("viclip-*.json"))
pytestmark = [
    pytest.mark.golden,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no golden data in {FOLDER}"),
]


def shape(config: dict) -> Shape:
    vision, text = config["vision"], config["text"]
    assert vision["embed_dim"] == text["embed_dim"]
    return Shape(
        width=vision["width"],
        layers=vision["layers"],
        heads=vision["heads"],
        text_width=text["width"],
        text_layers=text["layers"],
        text_heads=text["heads"],
        out=vision["embed_dim"],
        image=vision["image_size"],
        patch=vision["patch_size"],
        frames=vision["num_frames"],
        context=config["context_length"],
        vocabulary=text["vocab_size"],
    )


def outputs(model: ViCLIP, given: dict[str, torch.Tensor], best: int) -> dict[str, torch.Tensor]:
    found = {}
    for name, one in given.items():
        if name.startswith("video"):
            case = name.removeprefix("video")
            found[f"vision_embed{case}"] = model.vision_encoder(one)
            found[f"vid_feature{case}"] = functional.normalize(found[f"vision_embed{case}"], dim=-1)
        else:
            found[name.replace("tokens", "text_embed", 1)] = model.text_encoder(one)[0]
    cosines = found["vid_feature"][:1] @ functional.normalize(found["text_embed"], dim=-1).T
    ranked = (100 * cosines).softmax(-1).topk(best)
    return found | {"predict_topk_probs": ranked.values, "predict_topk_labels": ranked.indices}


def test_there_are_golden_files() -> None:
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_output_is_reproduced(path: Path) -> None:
    about = json.loads(path.read_text())
    tensors = load_file(path.with_suffix(".safetensors"))
    state, given, wanted = (
        {key.removeprefix(part): one for key, one in tensors.items() if key.startswith(part)}
        for part in ("state.", "in.", "out.")
    )
    model = ViCLIP(shape(about["config"])).eval()
    load_strict(model, state, path.name)
    with torch.inference_mode():
        found = outputs(model, given, wanted["predict_topk_probs"].shape[1])
    assert wanted.keys() <= found.keys()
    for name, expected in wanted.items():
        if not expected.is_floating_point():
            assert torch.equal(found[name], expected), name
            continue
        assert found[name].shape == expected.shape, name
        difference = float((found[name] - expected).abs().max())
        print(f"{path.stem} {name} {difference:.1e}")  # noqa: T201 - shown by -s
        assert difference <= about["tolerance_max_abs"], name
