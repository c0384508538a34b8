"""VideoMAE V2's names, preprocessing and contract."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from egoexobench.errors import DataError, UsageError
from egoexobench.testing import check_encoder
from egoexobench.toolbox.videomae_keys import remap_videomae_keys
from egoexobench.types import Frames
from egoexobench_plugins.videomae import videomae
from egoexobench_plugins.videomae.checkpoint import build_videomae, load_videomae
from egoexobench_plugins.videomae.model import SIZES, VideoMAEClassifier

TINY = replace(SIZES["tiny"], frames=4)


def make_state(num_classes: int = 5) -> dict[str, torch.Tensor]:
    """A random state under the published names, written from the published layout."""
    generator = torch.Generator().manual_seed(3)
    width, hidden = TINY.width, TINY.hidden
    shapes: dict[str, tuple[int, ...]] = {
        "patch_embed.proj.weight": (width, 3, 2, TINY.patch, TINY.patch),
        "patch_embed.proj.bias": (width,),
        "fc_norm.weight": (width,),
        "fc_norm.bias": (width,),
        "head.weight": (num_classes, width),
        "head.bias": (num_classes,),
    }
    for i in range(TINY.depth):
        block = {
            "norm1.weight": (width,),
            "norm1.bias": (width,),
            "attn.q_bias": (width,),
            "attn.v_bias": (width,),
            "attn.qkv.weight": (3 * width, width),
            "attn.proj.weight": (width, width),
            "attn.proj.bias": (width,),
            "norm2.weight": (width,),
            "norm2.bias": (width,),
            "mlp.fc1.weight": (hidden, width),
            "mlp.fc1.bias": (hidden,),
            "mlp.fc2.weight": (width, hidden),
            "mlp.fc2.bias": (width,),
        }
        shapes |= {f"blocks.{i}.{key}": weight for key, weight in block.items()}
    return {key: torch.randn(weight, generator=generator) * 0.2 for key, weight in shapes.items()}


def compute_by_hand(state: dict[str, torch.Tensor], video: torch.Tensor) -> torch.Tensor:
    """The network written out with plain functions, from the description of the layout."""
    x = functional.conv3d(
        video.transpose(1, 2),
        state["patch_embed.proj.weight"],
        state["patch_embed.proj.bias"],
        (2, TINY.patch, TINY.patch),
    )
    x = x.flatten(2).transpose(1, 2)
    position, pair = torch.arange(x.shape[1])[:, None], torch.arange(TINY.width) // 2
    angle = position.double() / 10000 ** (2 * pair.double() / TINY.width)
    x = x + torch.where(torch.arange(TINY.width) % 2 == 0, angle.sin(), angle.cos()).float()

    def apply_norm(x: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        return functional.layer_norm(x, (TINY.width,), weight, bias=bias, eps=1e-6)

    for i in range(TINY.depth):
        block = f"blocks.{i}"
        bias = torch.cat(
            [
                state[f"{block}.attn.q_bias"],
                torch.zeros(TINY.width),
                state[f"{block}.attn.v_bias"],
            ]
        )
        packed = apply_norm(x, f"{block}.norm1") @ state[f"{block}.attn.qkv.weight"].T + bias
        q, k, v = packed.view(*x.shape[:2], 3, TINY.heads, -1).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(2, 3) * q.shape[-1] ** -0.5).softmax(-1)
        attended = (weights @ v).transpose(1, 2).flatten(2)
        x = x + attended @ state[f"{block}.attn.proj.weight"].T + state[f"{block}.attn.proj.bias"]
        inner = apply_norm(x, f"{block}.norm2") @ state[f"{block}.mlp.fc1.weight"].T
        inner = functional.gelu(inner + state[f"{block}.mlp.fc1.bias"])
        x = x + inner @ state[f"{block}.mlp.fc2.weight"].T + state[f"{block}.mlp.fc2.bias"]
    return apply_norm(x.mean(1), "fc_norm") @ state["head.weight"].T + state["head.bias"]


def test_a_published_state_computes_what_its_layout_says() -> None:
    state = make_state()
    video = torch.randn(2, 4, 3, 32, 32)
    model = build_videomae(TINY, state, "made up").eval()
    with torch.inference_mode():
        assert torch.allclose(model(video), compute_by_hand(state, video), atol=1e-5)


def test_every_published_name_maps_to_one_of_the_library_and_every_tensor_survives() -> None:
    state = make_state()
    remapped = remap_videomae_keys(state)
    assert sum(x.numel() for x in remapped.values()) == sum(x.numel() for x in state.values())
    own_state = VideoMAEClassifier(TINY, 5).state_dict()
    assert {key if key in own_state else f"videomae.{key}" for key in remapped} == set(own_state)
    packed = torch.cat(
        [
            remapped[f"encoder.layer.1.attention.attention.{x}.weight"]
            for x in ("query", "key", "value")
        ]
    )
    assert torch.equal(packed, state["blocks.1.attn.qkv.weight"])


@pytest.mark.parametrize("prefix", ["", "backbone.", "encoder.", "module."])
@pytest.mark.parametrize("container", ["model", "module"])
def test_a_checkpoint_loads_whatever_its_container_and_prefix(
    tmp_path: Path, prefix: str, container: str
) -> None:
    state = {prefix + key: weight for key, weight in make_state().items()}
    torch.save({container: state}, tmp_path / "v.pth")
    model = load_videomae(TINY, tmp_path / "v.pth")
    assert model.head is not None
    assert torch.equal(model.head.weight, make_state()["head.weight"])


def test_a_checkpoint_of_another_size_is_an_error_that_names_the_shapes(tmp_path: Path) -> None:
    torch.save({"model": make_state()}, tmp_path / "v.pth")
    with pytest.raises(DataError, match="of another shape"):
        load_videomae(replace(TINY, width=64), tmp_path / "v.pth")
    with pytest.raises(DataError, match="missing"):
        load_videomae(replace(TINY, depth=3), tmp_path / "v.pth")


@pytest.mark.parametrize(("output", "count"), [("clip", 1), ("frames", 2), ("patches", 8)])
def test_the_encoder_keeps_its_contract(output: str, count: int) -> None:
    encoder = videomae(size="tiny", frames=4, output=output)
    check_encoder(encoder)
    values = torch.randint(0, 256, (2, 4, 32, 32, 3)).float()
    with torch.inference_mode():
        tokens = encoder.encode(values, torch.ones(2, 4, dtype=torch.bool))
    assert tokens.values.shape == (2, count, 32)


def test_the_clip_token_is_the_published_feature() -> None:
    encoder = videomae(size="tiny", frames=4, output="clip")
    values = torch.full((1, 4, 32, 32, 3), 0.485 * 255)
    gray = (torch.tensor([0.485] * 3) - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor(
        [0.229, 0.224, 0.225]
    )
    video = gray[:, None, None].expand(1, 4, 3, 32, 32)
    with torch.inference_mode():
        outputs = encoder.encode(values, torch.ones(1, 4, dtype=torch.bool)).values[:, 0]
        assert torch.allclose(outputs, encoder.model.extract_features(video), atol=1e-5)


def test_frames_keep_their_aspect_ratio_and_are_cropped_at_the_center() -> None:
    pixels = np.zeros((4, 32, 96, 3), np.uint8)
    pixels[:, :, 32:64] = 200  # the middle third is what a centre crop keeps
    rows = videomae(size="tiny", frames=4).prepare(Frames(pixels, np.arange(4) / 8))
    assert rows.shape == (4, 32, 32, 3)
    assert rows.dtype == np.uint8
    assert (rows == 200).all()


def test_another_number_of_frames_is_an_error() -> None:
    pixels = np.zeros((3, 32, 32, 3), np.uint8)
    with pytest.raises(DataError, match="3 frames and the network takes 4"):
        videomae(size="tiny", frames=4).prepare(Frames(pixels, np.arange(3) / 8))
    with pytest.raises(UsageError, match="not a multiple of 2"):
        videomae(size="tiny", frames=5)


def test_a_clip_without_frames_gives_no_token() -> None:
    encoder = videomae(size="tiny", frames=4)
    mask = torch.tensor([[True] * 4, [False] * 4])
    with torch.inference_mode():
        tokens = encoder.encode(torch.zeros(2, 4, 32, 32, 3), mask)
    assert tokens.mask.tolist() == [[True, True], [False, False]]


def test_the_giant_has_the_published_mlp() -> None:
    assert SIZES["giant"].hidden == int(1408 * 48 / 11)


def test_checkpointing_changes_neither_tokens_nor_gradients() -> None:
    outputs = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        encoder = videomae(size="tiny", frames=4, trained=True, checkpointing=checkpointing).train()
        torch.manual_seed(1)
        values = torch.rand(1, 4, 32, 32, 3) * 255
        tokens = encoder.encode(values, torch.ones(1, 4, dtype=torch.bool)).values
        tokens.square().sum().backward()
        outputs.append(
            [tokens, *(weight.grad for weight in encoder.parameters() if weight.grad is not None)]
        )
    assert len(outputs[0]) > 10
    for plain, frugal in zip(*outputs, strict=True):
        torch.testing.assert_close(plain, frugal)


def test_the_classifier_is_that_of_transformers_with_the_published_eps() -> None:
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification

    theirs = VideoMAEForVideoClassification(
        VideoMAEConfig(
            image_size=TINY.image, patch_size=TINY.patch, num_frames=TINY.frames,
            hidden_size=TINY.width, num_hidden_layers=TINY.depth, num_attention_heads=TINY.heads,
            intermediate_size=TINY.hidden, layer_norm_eps=1e-6, num_labels=5,
        )
    ).eval()  # fmt: skip
    theirs.fc_norm.eps = 1e-6
    ours = build_videomae(TINY, make_state(), "made up").eval()
    state = {k.replace("head.", "classifier."): weight for k, weight in ours.state_dict().items()}
    theirs.load_state_dict(state, strict=True)
    video = torch.randn(2, 4, 3, 32, 32)
    with torch.inference_mode():
        assert torch.allclose(ours(video), theirs(pixel_values=video).logits, atol=1e-6)
