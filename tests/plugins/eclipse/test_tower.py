"""ECLIPSE's tower starts as CLIP's, and hears where it is trained."""

import pytest
import torch
from open_clip.transformer import LayerNorm, QuickGELU, VisionTransformer
from torch import Tensor

from egoexobench.errors import DataError, UsageError
from egoexobench.types import Tokens
from egoexobench_plugins.eclipse.tower import EclipseTower, TowerConfig, expand_over_time

SMALL = {"image": 24, "patch": 8, "width": 32, "depth": 3, "heads": 4, "project": 16}
SWITCHES = [
    {"dual": True},
    {"dual": False},
    {"dual": True, "reverse_norm": True},
]


def build_clip(config: TowerConfig) -> VisionTransformer:
    """The tower of open_clip with the same sizes, and random numbers in every weight."""
    torch.manual_seed(0)
    tower = VisionTransformer(
        image_size=config.image,
        patch_size=config.patch,
        width=config.width,
        layers=config.depth,
        heads=config.heads,
        mlp_ratio=4.0,
        output_dim=config.project,
        act_layer=QuickGELU,
        norm_layer=LayerNorm,
    ).eval()
    with torch.no_grad():
        for weight in tower.parameters():
            weight.add_(torch.randn_like(weight) * 0.02)
    return tower


def build_pair(config: TowerConfig) -> tuple[VisionTransformer, EclipseTower]:
    """CLIP's tower, and ECLIPSE's with a checkpoint of it."""
    reference, tower = build_clip(config), EclipseTower(config).eval()
    state = {f"visual.{name}": value for name, value in reference.state_dict().items()}
    tower.load_clip(state | {"logit_scale": torch.ones(())}, "a test")
    return reference, tower


def make_inputs(config: TowerConfig, num_sounds: int = 1) -> tuple[Tensor, Tokens]:
    generator = torch.Generator().manual_seed(1)
    frames = torch.randn(3, 3, config.image, config.image, generator=generator)
    sounds = torch.randn(3, num_sounds, config.audio_dim, generator=generator)
    return frames, Tokens(sounds, torch.ones(3, num_sounds, dtype=torch.bool))


@pytest.mark.parametrize("num_sounds", [1, 4])
@pytest.mark.parametrize("switches", SWITCHES)
@torch.inference_mode()
def test_at_the_start_it_is_the_tower_of_clip(switches: dict, num_sounds: int) -> None:
    config = TowerConfig(**SMALL, **switches)
    reference, tower = build_pair(config)
    frames, sounds = make_inputs(config, num_sounds)
    difference = (tower.embed(frames, sounds) - reference(frames)).abs().max()
    assert float(difference) <= 1e-6


@pytest.mark.slow
@torch.inference_mode()
def test_at_the_published_size_it_starts_as_clip() -> None:
    config = TowerConfig()
    reference, tower = build_pair(config)
    frames, sounds = make_inputs(config)
    difference = (tower.embed(frames, sounds) - reference(frames)).abs().max()
    assert float(difference) <= 1e-6


@pytest.mark.parametrize("switches", SWITCHES)
def test_the_new_parts_start_as_copies_of_their_block_and_zeros(switches: dict) -> None:
    _, tower = build_pair(TowerConfig(**SMALL, **switches))
    for block in tower.blocks:
        for name in ("vis_audio_attn", "audio_vis_attn"):
            copied, original = block.get_submodule(name).state_dict(), block.attn.state_dict()
            assert all(torch.equal(copied[key], value) for key, value in original.items())
        for name in ("vis_audio_ln_1", "audio_vis_ln_1"):
            assert torch.equal(block.get_submodule(name).weight, block.ln_1.weight)
        for name in ("vis_audio_fc", "audio_vis_fc"):
            assert not any(weight.any() for weight in block.get_submodule(name).parameters())


@pytest.mark.parametrize("switches", SWITCHES)
@torch.inference_mode()
def test_once_the_gate_is_open_sound_changes_a_frame_and_its_absence_does_not(
    switches: dict,
) -> None:
    config = TowerConfig(**SMALL, **switches)
    reference, tower = build_pair(config)
    for block in tower.blocks:
        block.vis_audio_fc.weight.normal_(0, 0.3)
    frames, sounds = make_inputs(config)
    silent = Tokens(sounds.values, torch.tensor([[True], [False], [True]]))
    tokens, expected = tower.embed(frames, silent), reference(frames)
    assert float((tokens[1] - expected[1]).abs().max()) <= 1e-6
    assert float((tokens[0] - expected[0]).abs().max()) > 0.01


@pytest.mark.parametrize(
    ("switches", "num_sounds", "idle"),
    [
        ({"dual": True}, 1, ("query", "key")),
        ({"dual": True}, 3, ()),
        ({"dual": True, "reverse_norm": True}, 1, ("value",)),
    ],
)
def test_one_sound_token_trains_no_query_and_key_and_reverse_norm_no_value(
    switches: dict, num_sounds: int, idle: tuple[str, ...]
) -> None:
    config = TowerConfig(**SMALL, **switches)
    _, tower = build_pair(config)
    for block in tower.blocks:
        torch.nn.init.normal_(block.vis_audio_fc.weight)
    tower(*make_inputs(config, num_sounds))[:, 0].square().sum().backward()
    gradient = tower.blocks[0].vis_audio_attn.in_proj_weight.grad
    sizes = [float(part.abs().max()) for part in gradient.chunk(3)]
    idle_parts = {
        name
        for name, size in zip(("query", "key", "value"), sizes, strict=True)
        if size <= 1e-6 * max(sizes)
    }
    assert idle_parts == set(idle)


@torch.inference_mode()
def test_a_frame_with_padded_sound_is_that_with_its_own_sound() -> None:
    config = TowerConfig(**SMALL)
    _, tower = build_pair(config)
    for block in tower.blocks:
        block.vis_audio_fc.weight.normal_(0, 0.3)
    frames, sounds = make_inputs(config, 2)
    noise = torch.cat([sounds.values, torch.randn(3, 2, config.audio_dim) * 100], 1)
    mask = torch.tensor([[True, True, False, False]] * 3)
    torch.testing.assert_close(tower(frames, Tokens(noise, mask)), tower(frames, sounds))


@torch.inference_mode()
def test_an_embedding_is_the_first_of_the_tokens() -> None:
    config = TowerConfig(**SMALL)
    _, tower = build_pair(config)
    inputs = make_inputs(config)
    torch.testing.assert_close(tower.embed(*inputs), tower(*inputs)[:, 0])


def test_all_frames_share_the_sounds_of_all_in_their_order() -> None:
    values = torch.arange(12.0).reshape(2, 3, 1, 2)
    mask = torch.tensor([[True, True, False], [True, True, True]])[..., None]
    shared = expand_over_time(Tokens(values, mask))
    for frame in range(3):
        assert torch.equal(shared.values[:, frame], values[:, :, 0])
        assert torch.equal(shared.mask[:, frame], mask[..., 0])


def test_weights_of_another_size_are_refused() -> None:
    state = {
        f"visual.{key}": value
        for key, value in build_clip(TowerConfig(**SMALL)).state_dict().items()
    }
    with pytest.raises(DataError, match=r"the weights are not those of eclipse \(file\)"):
        EclipseTower(TowerConfig(**SMALL | {"width": 16})).load_clip(state, "file")


def test_a_patch_that_does_not_divide_the_image_is_refused() -> None:
    with pytest.raises(UsageError, match="image=30 must be a multiple of patch=8"):
        EclipseTower(TowerConfig(**SMALL | {"image": 30}))
