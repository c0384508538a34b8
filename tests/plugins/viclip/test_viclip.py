"""ViCLIP against open_clip's picture tower, its texts and its contract."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from egoexobench.errors import DataError
from egoexobench.testing import check_encoder
from egoexobench.types import Frames
from egoexobench_plugins.viclip import viclip, viclip_text
from egoexobench_plugins.viclip.model import (
    SIZES,
    ViCLIP,
    ViCLIPVisionTower,
    build_text_tower,
    load_vision_tower,
)

TINY = SIZES["tiny"]


def randomize_weights(module: torch.nn.Module) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(
                torch.randn(weight.shape, generator=generator) * 0.2 + (weight.ndim == 1) * 0.5
            )
    return module.eval()


def test_one_frame_without_a_temporal_table_is_the_image_tower_of_open_clip() -> None:
    from open_clip.transformer import QuickGELU, VisionTransformer

    image_tower = VisionTransformer(
        TINY.image, TINY.patch, width=TINY.width, layers=TINY.layers, heads=TINY.heads,
        mlp_ratio=4.0, output_dim=TINY.out, act_layer=QuickGELU,
    )  # fmt: skip
    randomize_weights(image_tower)
    tower = ViCLIPVisionTower(TINY).eval()
    state = image_tower.state_dict()
    state["conv1.weight"] = state["conv1.weight"].unsqueeze(2)
    state["temporal_positional_embedding"] = torch.zeros(1, 8, TINY.width)
    tower.load_state_dict(state, strict=True)
    pixels = torch.randn(2, 3, TINY.image, TINY.image)
    with torch.inference_mode():
        assert torch.allclose(tower(pixels[:, None]), image_tower(pixels), atol=1e-5)


def test_the_temporal_table_alone_distinguishes_frames() -> None:
    tower = randomize_weights(ViCLIPVisionTower(TINY))
    assert isinstance(tower, ViCLIPVisionTower)
    video = torch.randn(1, 8, 3, TINY.image, TINY.image)
    with torch.inference_mode():
        assert not torch.allclose(tower(video), tower(video.flip(1)), atol=1e-3)
        tower.temporal_positional_embedding.zero_()
        assert torch.allclose(tower(video), tower(video.flip(1)), atol=1e-5)


def test_a_single_frame_gets_the_mean_of_the_table_and_other_counts_are_errors() -> None:
    tower = randomize_weights(ViCLIPVisionTower(TINY))
    assert isinstance(tower, ViCLIPVisionTower)
    frame = torch.randn(1, 1, 3, TINY.image, TINY.image)
    with torch.inference_mode():
        before = tower(frame)
        tower.temporal_positional_embedding.copy_(
            tower.temporal_positional_embedding.mean(1, keepdim=True).expand(-1, 8, -1)
        )
        assert torch.allclose(tower(frame), before, atol=1e-5)
        with pytest.raises(DataError, match="4 frames and the network takes 8 or 1"):
            tower(frame.expand(-1, 4, -1, -1, -1))


@pytest.mark.parametrize(("output", "count"), [("clip", 1), ("frames", 4), ("patches", 16)])
def test_the_video_encoder_keeps_its_contract(output: str, count: int) -> None:
    encoder = viclip(size="tiny", frames=4, output=output)
    check_encoder(encoder)
    with torch.inference_mode():
        tokens = encoder.encode(torch.zeros(2, 4, 32, 32, 3), torch.ones(2, 4, dtype=torch.bool))
    assert tokens.values.shape == (2, count, 24)


@pytest.mark.parametrize("output", ["words", "text"])
def test_the_text_encoder_keeps_its_contract(output: str) -> None:
    check_encoder(viclip_text(size="tiny", output=output))


def test_the_last_word_is_the_published_embedding() -> None:
    torch.manual_seed(0)
    words, text = (viclip_text(size="tiny", output=output) for output in ("words", "text"))
    randomize_weights(words.tower)
    text.tower.load_state_dict(words.tower.state_dict())
    ids = torch.tensor(words.prepare("a person takes the garlic"))[None]
    mask = torch.ones_like(ids, dtype=torch.bool)
    with torch.inference_mode():
        last = words.encode(ids, mask).values[:, -1]
        assert torch.allclose(last, text.encode(ids, mask).values[:, 0], atol=1e-6)


def test_a_long_text_is_cut_and_keeps_its_end_token() -> None:
    ids = viclip_text(size="tiny").prepare("garlic " * 100)
    assert len(ids) == 32
    assert (ids[0], ids[-1]) == (49_406, 49_407)


def test_frames_are_stretched_to_a_square() -> None:
    pixels = np.zeros((4, 32, 96, 3), np.uint8)
    pixels[:, :, 48:] = 200
    rows = viclip(size="tiny", frames=4).prepare(Frames(pixels, np.arange(4) / 8))
    assert rows.shape == (4, 32, 32, 3)
    assert (rows[:, :, :15] == 0).all()
    assert (rows[:, :, 17:] == 200).all()


def test_a_checkpoint_loads_strictly_into_either_tower(tmp_path: Path) -> None:
    original = randomize_weights(ViCLIP(TINY))
    torch.save({"model": original.state_dict()}, tmp_path / "v.pth")
    encoder = viclip(weights=tmp_path / "v.pth", size="tiny")
    assert torch.equal(encoder.tower.proj, original.vision_encoder.proj)
    words = viclip_text(weights=tmp_path / "v.pth", size="tiny")
    assert torch.equal(words.tower.text_projection, original.text_encoder.text_projection)
    with pytest.raises(DataError, match="of another shape"):
        load_vision_tower(replace(TINY, patch=8), tmp_path / "v.pth")
    torch.save({"model": original.vision_encoder.state_dict()}, tmp_path / "tower.pth")
    with pytest.raises(DataError, match="missing"):
        load_vision_tower(TINY, tmp_path / "tower.pth")


def test_published_sizes_have_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        tower = ViCLIPVisionTower(SIZES["base"])
        words = build_text_tower(SIZES["base"])
    count = sum(weight.numel() for weight in tower.parameters())
    assert count == 86_198_784
    assert count + sum(weight.numel() for weight in words.parameters()) + 1 == 149_603_841


def test_checkpointing_changes_neither_tokens_nor_gradients() -> None:
    outputs = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        encoder = viclip(size="tiny", frames=4, trained=True, checkpointing=checkpointing).train()
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


def test_checkpointing_changes_no_gradient_of_words() -> None:
    outputs = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        encoder = viclip_text(size="tiny", trained=True, checkpointing=checkpointing).train()
        ids = torch.tensor(encoder.prepare("a person takes the jar"))[None]
        encoder.encode(ids, torch.ones_like(ids, dtype=torch.bool)).values.sum().backward()
        outputs.append(encoder.tower.transformer.resblocks[0].mlp.c_fc.weight.grad)
    torch.testing.assert_close(*outputs)
