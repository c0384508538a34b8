"""Method `eclipse`: the recipes of the release, and SoundBridge with another fusion."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from egoexobench.method import Method
from egoexobench.registry import Registry
from egoexobench.spec import Spec
from egoexobench_plugins.clip_text import clip_text
from egoexobench_plugins.eclipse import eclipse_encoder

REGISTRY = Registry()
TOWER = {"image": 32, "patch": 16, "width": 32, "depth": 1, "heads": 2, "project": 16}
TEXT = {"width": 32, "depth": 1, "heads": 4, "project": 16}


def create_method(text: str, scale: str) -> Method:
    method: Method = REGISTRY.create("method", Spec.parse(text), scale)
    return method


@pytest.mark.parametrize("scale", ["compact", "pretrained"])
def test_only_the_fusion_differs_from_soundbridge(scale: str) -> None:
    changed, reference = create_method("eclipse", scale), create_method("soundbridge", scale)
    assert changed == replace(reference, name="eclipse", video_fusion="eclipse")


@pytest.mark.parametrize(
    ("recipe", "dual", "reverse_norm", "words", "epochs", "batch_size", "lr", "factor"),
    [  # ../shared/reference/related.md, 2.1
        ("activitynet", True, True, 128, 40, 64, 1e-7, "0.5"),
        ("charades", True, False, 64, 20, 64, 1e-7, "50"),
        ("didemo", False, False, 64, 5, 128, 5e-7, "0.01"),
        ("qvhighlights", False, False, 128, 20, 64, 1e-7, "0.5"),
        ("youcook2", True, False, 128, 20, 64, 1e-7, "1"),
    ],
)
def test_a_recipe_has_the_numbers_of_its_script(
    recipe: str,
    dual: bool,
    reverse_norm: bool,
    words: int,
    epochs: int,
    batch_size: int,
    lr: float,
    factor: str,
) -> None:
    method = create_method(f"eclipse:recipe={recipe}", "paper")
    _, joint = REGISTRY.resolve("encoder", Spec.parse(method.joint or ""))
    _, text = REGISTRY.resolve("encoder", Spec.parse(method.text or ""))
    assert (joint["dual"], joint["reverse_norm"], text["context"]) == (dual, reverse_norm, words)
    assert (joint["patch"], joint["width"], joint["sounds"]) == (32, 768, 1)
    assert (method.epochs, method.batch_size, method.num_frames) == (epochs, batch_size, 32)
    assert method.lr == pytest.approx(lr)
    assert f"is {factor} times as high there" in method.provenance["lr"]


def test_both_towers_start_from_one_checkpoint_of_clip(tmp_path: Path) -> None:
    torch.manual_seed(0)
    text = clip_text(**TEXT)
    picture = eclipse_encoder(**TOWER)
    names = ("vis_audio", "audio_vis", "mlp_audio")
    state = {
        f"visual.{name}": value
        for name, value in picture.tower.state_dict().items()
        if not any(part in name for part in names)
    }
    file = tmp_path / "clip.pt"
    torch.save(state | text.tower.state_dict() | {"logit_scale": torch.ones(())}, file)
    torch.manual_seed(1)
    loaded = eclipse_encoder(**TOWER, weights=file).tower
    for name, value in state.items():
        assert torch.equal(loaded.state_dict()[name.removeprefix("visual.")], value)
    assert torch.equal(
        loaded.blocks[0].vis_audio_attn.in_proj_weight, loaded.blocks[0].attn.in_proj_weight
    )
    loaded_text = clip_text(**TEXT, weights=file)
    for name, value in text.tower.state_dict().items():
        assert torch.equal(loaded_text.tower.state_dict()[name], value)
