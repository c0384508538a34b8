from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from egoexobench import testing
from egoexobench.errors import DataError, UsageError
from egoexobench.types import Frames
from egoexobench_plugins.timesformer import model, timesformer
from egoexobench_plugins.timesformer.checkpoint import load_pretrained
from egoexobench_plugins.timesformer.model import SpaceTimeTransformer, inflate_temporal_embed
from egoexobench_plugins.timesformer.systems import SYSTEMS, TimeSformerConfig

SMALL = {"image": 32, "patch": 8, "width": 32, "depth": 2, "heads": 4}
OUTPUTS = {"cls": 1, "frames": 4, "patches": 1 + 4 * 16}


def make_encoder(**options):
    torch.manual_seed(0)
    encoder = timesformer(**(SMALL | options))
    with torch.no_grad():
        for weight in encoder.parameters():
            weight.normal_(0, 0.2)
    return encoder.eval()


def make_config(**changes):
    sizes = {"image": 32, "patch": 8, "width": 32, "depth": 2, "heads": 4, "frames": 4}
    layout = {"ln_pre": True, "patch_bias": False, "activation": "quick_gelu"}
    return TimeSformerConfig(**(sizes | layout | changes))


def make_frames(count=4, size=(32, 32), seed=0):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (count, *size, 3), dtype=np.uint8)
    return Frames(pixels, np.arange(count) / 8)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_small_encoder_keeps_the_contract_with_every_output(output, system):
    testing.check_encoder(make_encoder(output=output, system=system, project=16))


@pytest.mark.parametrize(("output", "count"), OUTPUTS.items())
def test_the_output_decides_how_many_tokens_a_clip_has(output, count):
    encoder = make_encoder(output=output)
    values = torch.from_numpy(encoder.prepare(make_frames())).float()[None]
    tokens = encoder.encode(values, torch.ones(1, 4, dtype=torch.bool))
    assert tokens.values.shape == (1, count, 32)
    assert tokens.mask.all()


@pytest.mark.parametrize("output", OUTPUTS)
@torch.inference_mode()
def test_a_shorter_clip_beside_a_longer_one_never_sees_padding(output):
    encoder = make_encoder(output=output)
    values = torch.rand(3, 4, 32, 32, 3) * 255
    mask = torch.tensor([[True] * 4, [True, True, False, False], [False] * 4])
    batch = encoder.encode(values, mask)
    alone = encoder.encode(values[1:2, :2], mask[1:2, :2])
    torch.testing.assert_close(batch.values[1][batch.mask[1]], alone.values[0])
    assert not batch.mask[2].any()


def open_clip_tower():
    from open_clip.transformer import QuickGELU, VisionTransformer

    torch.manual_seed(1)
    sizes = {"image_size": 32, "patch_size": 8, "width": 32, "layers": 2, "heads": 4}
    tower = VisionTransformer(**sizes, mlp_ratio=4.0, output_dim=32, act_layer=QuickGELU)
    with torch.no_grad():
        for weight in tower.parameters():
            weight.normal_(0, 0.2)
    tower.proj = None
    return tower.eval()


CLIP_NAMES = {
    "conv1.": "patch_embed.proj.",
    "transformer.resblocks.": "blocks.",
    "attn.in_proj_": "attn.qkv.",
    "attn.out_proj.": "attn.proj.",
    "ln_1.": "norm1.",
    "ln_2.": "norm2.",
    "mlp.c_fc.": "mlp.fc1.",
    "mlp.c_proj.": "mlp.fc2.",
    "ln_post.": "norm.",
}


def from_clip(tower):
    tables = {"class_embedding": "cls_token", "positional_embedding": "pos_embed"}
    state = {}
    for key, value in tower.state_dict().items():
        name = key
        for theirs, ours in CLIP_NAMES.items():
            name = name.replace(theirs, ours)
        name = tables.get(name, name)
        state[name] = value.reshape(1, -1, value.shape[-1]) if name in tables.values() else value
    return state


def make_clip_tower(**changes):
    """Our tower with CLIP's weights, one frame, and time attention that gives zeros."""
    state = from_clip(open_clip_tower())
    ours = SpaceTimeTransformer(make_config(**{"eps": 1e-5, "frames": 1} | changes)).eval()
    own_state = ours.state_dict()
    missing = own_state.keys() - state.keys()
    assert all("timeattn" in key or "norm3" in key or key == "temporal_embed" for key in missing)
    ours.load_state_dict(own_state | state)
    return ours


@torch.inference_mode()
def test_one_frame_without_time_attention_is_the_vision_transformer_of_open_clip():
    images = torch.randn(3, 3, 32, 32)
    result = make_clip_tower()(images[:, None])[:, 0]
    assert float((result - open_clip_tower()(images)).abs().max()) < 1e-5


@pytest.mark.parametrize("wrong", [{"activation": "gelu"}, {"heads": 2}, {"eps": 1e-1}])
@torch.inference_mode()
def test_the_comparison_with_open_clip_sees_a_wrong_variant(wrong):
    images = torch.randn(3, 3, 32, 32)
    result = make_clip_tower(**wrong)(images[:, None])[:, 0]
    assert float((result - open_clip_tower()(images)).abs().max()) > 1e-3


def attend_by_hand(attention, x, frames):
    """Divided attention, a query at a time, over an explicit list of the tokens it sees."""
    width, heads = x.shape[-1], attention.heads
    num_patches = (x.shape[1] - 1) // frames
    q, k, v = attention.qkv(x).split(width, -1)
    rows = []
    for token in range(x.shape[1]):
        frame, position = divmod(token - 1, num_patches)
        if token == 0:
            keys = list(range(x.shape[1]))
        elif attention.axis == "time":
            keys = [0] + [1 + t * num_patches + position for t in range(frames)]
        else:
            keys = [0] + [1 + frame * num_patches + n for n in range(num_patches)]
        parts = []
        for head in range(heads):
            cut = slice(head * width // heads, (head + 1) * width // heads)
            scores = (q[:, token, None, cut] * k[:, keys, cut]).sum(-1) * (width // heads) ** -0.5
            parts.append((scores.softmax(-1)[..., None] * v[:, keys, cut]).sum(1))
        rows.append(torch.cat(parts, -1))
    return attention.proj(torch.stack(rows, 1))


@pytest.mark.parametrize("axis", ["timeattn", "attn"])
@torch.inference_mode()
def test_attention_sees_its_place_or_its_frame_and_the_class_token_sees_all(axis):
    attention = getattr(make_encoder().visual.blocks[0], axis)
    x = torch.randn(2, 1 + 3 * 5, 32)
    torch.testing.assert_close(
        attention(x, 3), attend_by_hand(attention, x, 3), atol=1e-5, rtol=1e-5
    )


@torch.inference_mode()
def test_the_fused_kernel_of_other_devices_gives_the_same(monkeypatch):
    encoder, video = make_encoder(), torch.randn(2, 4, 3, 32, 32)
    expected = encoder.visual(video)
    fused = partial(torch.nn.functional.scaled_dot_product_attention, scale=1.0)
    monkeypatch.setattr(model, "_compute_attention", fused)
    torch.testing.assert_close(encoder.visual(video), expected, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_a_shut_gate_is_no_time_attention_and_an_open_one_is():
    gated, plain_encoder = make_encoder(gated=True), make_encoder()
    state = {k: v.clone() for k, v in plain_encoder.visual.state_dict().items()}
    gates = {f"blocks.{i}.alpha_timeattn": torch.tensor(0.0) for i in range(2)}
    gated.visual.load_state_dict(state | gates)
    plain_encoder.visual.load_state_dict(
        {k: torch.zeros_like(v) if "timeattn.proj" in k else v for k, v in state.items()}
    )
    video = torch.randn(2, 4, 3, 32, 32)
    torch.testing.assert_close(gated.visual(video), plain_encoder.visual(video))
    gated.visual.load_state_dict(state | {k: torch.tensor(1.0) for k in gates})
    assert float((gated.visual(video) - plain_encoder.visual(video)).abs().max()) > 1e-2


def test_too_many_frames_are_an_error_but_where_the_table_stretches():
    video = torch.randn(1, 6, 3, 32, 32)
    with pytest.raises(DataError, match="6 frames and the temporal table 4"):
        make_encoder(system="lavila").visual(video)
    assert make_encoder(system="egoexo").visual(video).shape == (1, 1 + 6 * 16, 32)


def test_a_table_grows_between_its_ends_and_shrinks_to_its_first_rows():
    table = torch.tensor([[[0.0], [3.0]]])
    assert inflate_temporal_embed(table, 4, "aligned").flatten().tolist() == pytest.approx(
        [0, 1, 2, 3]
    )
    assert inflate_temporal_embed(table, 4, "bilinear").flatten().tolist() == [0, 0.75, 2.25, 3]
    assert inflate_temporal_embed(table, 4, "nearest").flatten().tolist() == [0, 0, 3, 3]
    assert inflate_temporal_embed(table, 4, "zeros").flatten().tolist() == [0, 3, 0, 0]
    assert inflate_temporal_embed(table, 1, "bilinear").flatten().tolist() == [0]


def test_checkpointing_changes_neither_values_nor_gradients():
    plain, frugal = (
        make_encoder(trained=True).train(),
        make_encoder(trained=True, checkpointing=True).train(),
    )
    video = torch.randn(1, 4, 3, 32, 32)
    losses = [encoder.visual(video).square().sum() for encoder in (plain, frugal)]
    for loss in losses:
        loss.backward()
    torch.testing.assert_close(*losses)
    for ours, theirs in zip(plain.parameters(), frugal.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def make_published_state(encoder, tower, projection):
    state = {k.replace("visual.", tower, 1): v for k, v in encoder.state_dict().items()}
    state[projection] = state.pop("projection.weight")
    if "projection.bias" in state:
        state[projection.replace("weight", "bias")] = state.pop("projection.bias")
    return state


LAYOUTS = [
    ("lavila", "visual.", "image_projection"),
    ("egoexo", "visual.", "image_projection"),
    ("frozen-in-time", "video_model.", "vid_proj.0.weight"),
    ("egovlp", "visual.", "image_projection.0.weight"),
]


@pytest.mark.parametrize(("system", "tower", "projection"), LAYOUTS)
def test_weights_come_from_the_file_of_a_whole_system(system, tower, projection, tmp_path):
    original = make_encoder(system=system, project=16)
    state = make_published_state(original, tower, projection)
    others = {"ln_final.weight": torch.ones(3), "text_model.x": torch.ones(2)}
    file = tmp_path / "whole.safetensors"
    save_file({f"module.{k}": v for k, v in (state | others).items()}, file)
    loaded = timesformer(**SMALL, system=system, project=16, weights=file)
    for name, value in original.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], value)


def write_state(state, tmp_path) -> Path:
    save_file(state, tmp_path / "some.safetensors")
    return tmp_path / "some.safetensors"


def test_a_checkpoint_with_other_frames_is_inflated_by_the_rule_of_its_system(tmp_path):
    original = make_encoder(system="lavila")
    file = write_state(original.visual.state_dict(), tmp_path)
    loaded = timesformer(**SMALL, system="lavila", frames=8, weights=file)
    table = original.visual.temporal_embed
    torch.testing.assert_close(
        loaded.visual.temporal_embed, inflate_temporal_embed(table, 8, "bilinear")
    )
    loaded = timesformer(**SMALL, system="lavila", frames=8, weights=file, inflate="zeros")
    assert not loaded.visual.temporal_embed[:, 4:].any()


def test_what_does_not_fit_is_named_and_nothing_is_loaded(tmp_path):
    state = make_encoder(system="lavila").visual.state_dict()
    with pytest.raises(DataError, match="missing"):
        timesformer(**SMALL, system="frozen-in-time", weights=write_state(state, tmp_path))
    other = write_state({"encoder.layers.0.fc1.weight": torch.ones(2, 2)}, tmp_path)
    with pytest.raises(DataError, match="missing"):
        timesformer(**SMALL, weights=other)
    deep = write_state(make_encoder(depth=3).visual.state_dict(), tmp_path)
    with pytest.raises(DataError, match="unexpected"):
        timesformer(**SMALL, weights=deep)
    loaded = make_encoder()
    before = {k: v.clone() for k, v in loaded.state_dict().items()}
    with pytest.raises(DataError, match="shape"):
        load_pretrained(loaded, make_encoder(image=40).visual.state_dict(), "zeros", "x")
    assert all(torch.equal(v, before[k]) for k, v in loaded.state_dict().items())


def test_sizes_that_do_not_divide_are_one_line():
    with pytest.raises(UsageError, match="heads=5"):
        timesformer(**SMALL | {"heads": 5})


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_picture_of_the_right_size_reaches_the_network_as_it_is(system):
    encoder = make_encoder(system=system)
    source = make_frames()
    prepared = encoder.prepare(source)
    if system in ("lavila", "egoexo"):
        np.testing.assert_array_equal(prepared, source.pixels)
    assert prepared.shape == (4, 32, 32, 3)


def test_the_crop_is_central_and_stretching_keeps_everything():
    pixels = np.zeros((1, 32, 96, 3), np.uint8)
    pixels[:, :, 32:64] = 200
    source = Frames(pixels, np.zeros(1))
    assert (make_encoder(system="lavila").prepare(source) == 200).all()
    stretched = make_encoder(system="egoexo").prepare(source)
    assert stretched[0, 0, 16, 0] == 200
    assert stretched[0, 0, 0, 0] == 0


def test_an_encoder_that_is_not_trained_has_no_gradients():
    assert not any(p.requires_grad for p in make_encoder().parameters())
    assert make_encoder().frozen
    assert all(p.requires_grad for p in make_encoder(trained=True).parameters())
