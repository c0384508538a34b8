"""The ego and exo feature encoders: names, tokens and contract."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from egoexobench.errors import DataError, UsageError
from egoexobench.testing import check_encoder
from egoexobench.types import Frames
from egoexobench_plugins.egoinstructor_encoders import (
    ego_videomae,
    egoinstructor_ego,
    internvideo1_mm,
    internvideo_mm,
)

EGO = replace(ego_videomae.SIZES["tiny"], frames=4)
EXO = replace(internvideo_mm.SIZES["tiny"], frames=4)


def randomize_weights(module: torch.nn.Module) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(
                torch.randn(weight.shape, generator=generator) * 0.2 + (weight.ndim == 1) * 0.5
            )
    return module.eval()


def make_published_state() -> dict[str, torch.Tensor]:
    """The checkpoint with the published keys: both towers in the same file."""
    model = randomize_weights(ego_videomae.EgoVideoMAE(EGO))
    own_state = model.state_dict()
    state = {"image_projection": own_state["projection.weight"].T.contiguous()}
    state["visual.norm.weight"] = own_state["visual.layernorm.weight"]
    state["visual.norm.bias"] = own_state["visual.layernorm.bias"]
    for part in ("weight", "bias"):
        state[f"visual.patch_embed.proj.{part}"] = own_state[
            f"visual.embeddings.patch_embeddings.projection.{part}"
        ]
    for i in range(EGO.depth):
        layer, block = f"visual.encoder.layer.{i}", f"visual.blocks.{i}"
        attention = f"{layer}.attention.attention"
        state[f"{block}.attn.qkv.weight"] = torch.cat(
            [own_state[f"{attention}.{part}.weight"] for part in ("query", "key", "value")]
        )
        state[f"{block}.attn.q_bias"] = own_state[f"{attention}.query.bias"]
        state[f"{block}.attn.v_bias"] = own_state[f"{attention}.value.bias"]
        names = {
            "attn.proj": "attention.output.dense",
            "norm1": "layernorm_before",
            "norm2": "layernorm_after",
            "mlp.fc1": "intermediate.dense",
            "mlp.fc2": "output.dense",
        }
        for name, library in names.items():
            for part in ("weight", "bias"):
                state[f"{block}.{name}.{part}"] = own_state[f"{layer}.{library}.{part}"]
    return state


def test_the_complete_ego_checkpoint_loads_and_its_text_tower_is_ignored(tmp_path: Path) -> None:
    state = make_published_state()
    text_state = {
        "transformer.resblocks.0.ln_1.weight": torch.ones(3),
        "logit_scale": torch.ones(()),
    }
    named = {f"module.{key}": weight for key, weight in (state | text_state).items()}
    torch.save({"state_dict": named, "epoch": 1}, tmp_path / "e.pth")
    model = ego_videomae.load_ego_videomae(EGO, tmp_path / "e.pth").eval()
    video = torch.randn(2, 4, 3, 32, 32)
    expected = randomize_weights(ego_videomae.EgoVideoMAE(EGO))
    with torch.inference_mode():
        assert torch.equal(model(video, "clip"), expected(video, "clip"))


def test_an_unknown_key_or_a_lacking_projection_is_an_error() -> None:
    state = make_published_state()
    with pytest.raises(DataError, match=r"unexpected \(visual.mask_token\)"):
        ego_videomae.build_ego_videomae(
            EGO, state | {"visual.mask_token": torch.ones(1)}, "made up"
        )
    del state["image_projection"]
    with pytest.raises(DataError, match=r"missing \(projection.weight\)"):
        ego_videomae.build_ego_videomae(EGO, state, "made up")


@pytest.mark.parametrize(
    "model",
    [ego_videomae.EgoVideoMAE(EGO), internvideo_mm.InternVideoMMVision(EXO)],
    ids=["ego", "exo"],
)
def test_tokens_of_frames_and_of_the_clip_agree(model: torch.nn.Module) -> None:
    randomize_weights(model)
    video = torch.randn(2, 4, 3, 32, 32)
    with torch.inference_mode():
        if isinstance(model, ego_videomae.EgoVideoMAE):
            clip, frames, patches = (
                model(video, output) for output in ("clip", "frames", "patches")
            )
            assert torch.allclose(frames.mean(1), clip[:, 0], atol=1e-5)
            assert torch.allclose(patches.mean(1), clip[:, 0], atol=1e-5)
        else:
            assert isinstance(model, internvideo_mm.InternVideoMMVision)
            still = video[:, :1].expand(-1, 4, -1, -1, -1)
            assert torch.allclose(model(still, "frames"), model(still, "clip"), atol=1e-5)
            assert not torch.allclose(model(video, "frames"), model(video, "clip"), atol=1e-3)


def test_extractors_that_are_switched_off_leave_the_mean_of_clip_over_frames() -> None:
    from open_clip.transformer import QuickGELU, VisionTransformer

    image_tower = VisionTransformer(
        EXO.image, EXO.patch, width=EXO.width, layers=EXO.layers, heads=EXO.heads,
        mlp_ratio=4.0, output_dim=EXO.out, act_layer=QuickGELU,
    )  # fmt: skip
    randomize_weights(image_tower)
    model = internvideo_mm.InternVideoMMVision(EXO).eval()
    state = image_tower.state_dict()
    own_state = {
        "visual.conv1.weight": state.pop("conv1.weight").unsqueeze(2),
        "visual_proj": state.pop("proj"),
        "visual_ln_post.weight": state.pop("ln_post.weight"),
        "visual_ln_post.bias": state.pop("ln_post.bias"),
        "visual.transformer.balance": torch.full((EXO.width,), 100.0),
    }
    own_state |= {f"visual.{key}": weight for key, weight in state.items()}
    result = model.load_state_dict(own_state, strict=False)
    assert not result.unexpected_keys
    assert {key.split(".")[2] for key in result.missing_keys} == {
        "temporal_cls_token",
        "dpe",
        "dec",
    }
    pixels = torch.randn(1, 3, EXO.image, EXO.image)
    with torch.inference_mode():
        embedding = model(pixels[:, None].expand(-1, 4, -1, -1, -1), "clip")[:, 0]
        assert torch.allclose(embedding, image_tower(pixels), atol=1e-5)


def test_the_extractors_token_sees_the_order_of_frames_and_reads_its_blocks() -> None:
    model = randomize_weights(internvideo_mm.InternVideoMMVision(EXO))
    assert isinstance(model, internvideo_mm.InternVideoMMVision)
    video = torch.randn(1, 4, 3, 32, 32)
    mixed = video[:, [2, 0, 3, 1]]
    with torch.inference_mode():
        assert not torch.allclose(model.embed_clip(video), model.embed_clip(mixed), atol=1e-4)
        for level in model.visual.transformer.dpe:
            level.weight.zero_()  # no neighbours: nothing else knows the order
        assert torch.allclose(model.embed_clip(video), model.embed_clip(mixed), atol=1e-5)


def test_only_the_clip_part_of_an_exo_checkpoint_is_loaded(tmp_path: Path) -> None:
    original = randomize_weights(internvideo_mm.InternVideoMM(EXO))
    state = {"decoder.weight": torch.ones(1)}
    for key, weight in original.state_dict().items():
        name = key.removeprefix("vision.").removeprefix("text.").replace(".ln_1_kv.", ".ln_3.")
        state[f"clip.{name}"] = weight
    torch.save({"state_dict": state}, tmp_path / "m.ckpt")
    model = internvideo_mm.load_internvideo_mm(EXO, tmp_path / "m.ckpt")
    for key, weight in original.vision.state_dict().items():
        assert torch.equal(model.state_dict()[key], weight), key


@pytest.mark.parametrize(
    ("factory", "output", "count"),
    [
        (egoinstructor_ego, "clip", 1),
        (egoinstructor_ego, "frames", 2),
        (egoinstructor_ego, "patches", 8),
        (internvideo1_mm, "clip", 1),
        (internvideo1_mm, "frames", 4),
    ],
)
def test_the_encoders_keep_their_contract(factory: object, output: str, count: int) -> None:
    encoder = factory(size="tiny", frames=4, output=output)
    check_encoder(encoder)
    with torch.inference_mode():
        tokens = encoder.encode(torch.zeros(1, 4, 32, 32, 3), torch.ones(1, 4, dtype=torch.bool))
    assert tokens.values.shape == (1, count, 24)


def test_frames_are_center_squares_and_another_number_of_frames_is_an_error() -> None:
    pixels = np.zeros((4, 64, 96, 3), np.uint8)
    pixels[:, :, 16:80] = 200
    encoder = egoinstructor_ego(size="tiny", frames=4)
    rows = encoder.prepare(Frames(pixels, np.arange(4) / 8))
    assert rows.shape == (4, 32, 32, 3)
    assert (rows == 200).all()
    with pytest.raises(DataError, match="3 frames and the network takes 4"):
        encoder.prepare(Frames(pixels[:3], np.arange(3) / 8))
    with pytest.raises(UsageError, match="not a multiple of 2"):
        egoinstructor_ego(size="tiny", frames=3)


def test_the_published_size_of_internvideo1_mm_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        model = internvideo_mm.InternVideoMMVision(internvideo_mm.SIZES["large"])
    count = sum(weight.numel() for weight in model.visual.parameters())
    assert count == 353_687_552
