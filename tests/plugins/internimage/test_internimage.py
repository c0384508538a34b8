"""Deformable convolution against pooling, shifts and loops; the network's names and contract."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from egoexobench.errors import DataError
from egoexobench.testing import check_encoder
from egoexobench.types import Frames
from egoexobench_plugins.internimage import internimage
from egoexobench_plugins.internimage.checkpoint import build_internimage, load_internimage
from egoexobench_plugins.internimage.config import IMAGE_SIZES, SIZES
from egoexobench_plugins.internimage.dcnv3 import SamplingKernel, sample_deformable
from egoexobench_plugins.internimage.head import HEADS, OUT, WIDTH, AttentionPool
from egoexobench_plugins.internimage.model import InternImage

TINY = SIZES["tiny"]


def randomize_weights(module: torch.nn.Module) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(
                torch.randn(weight.shape, generator=generator) * 0.2 + (weight.ndim == 1) * 0.5
            )
    return module.eval()


def make_flat_offsets(
    maps: torch.Tensor, groups: int, kernel: SamplingKernel
) -> tuple[torch.Tensor, torch.Tensor]:
    batch, height, width, _ = maps.shape
    offset = torch.zeros(batch, height, width, groups * kernel.num_points * 2)
    return offset, torch.full(
        (batch, height, width, groups * kernel.num_points), 1 / kernel.num_points
    )


def test_without_offsets_and_with_an_even_mask_it_is_average_pooling() -> None:
    maps = torch.randn(2, 9, 7, 12)
    result = sample_deformable(
        maps, *make_flat_offsets(maps, 3, SamplingKernel()), groups=3, kernel=SamplingKernel()
    )
    expected = functional.avg_pool2d(maps.permute(0, 3, 1, 2), 3, 1, 1, count_include_pad=True)
    assert torch.allclose(result, expected.permute(0, 2, 3, 1), atol=1e-6)


@pytest.mark.parametrize(
    "kernel",
    [
        SamplingKernel(),
        SamplingKernel(5, 1, 2),
        SamplingKernel(3, 1, 2, 2),
        SamplingKernel(3, 2),
        SamplingKernel(3, 1, 0),
        SamplingKernel(5, 2, 4, 2),
    ],
)
def test_without_offsets_it_is_a_convolution_with_the_mask_as_its_weights(
    kernel: SamplingKernel,
) -> None:
    torch.manual_seed(0)
    maps, weight = torch.randn(1, 11, 12, 4), torch.randn(kernel.size, kernel.size)
    expected = functional.conv2d(
        maps.permute(0, 3, 1, 2), weight.expand(4, 1, -1, -1),
        stride=kernel.stride, padding=kernel.pad, dilation=kernel.dilation, groups=4,
    ).permute(0, 2, 3, 1)  # fmt: skip
    rows, columns = expected.shape[1:3]
    mask = weight.T.reshape(-1).expand(1, rows, columns, -1)  # x is the slow axis of the points
    offset = torch.zeros(1, rows, columns, kernel.num_points * 2)
    assert torch.allclose(
        sample_deformable(maps, offset, mask, groups=1, kernel=kernel), expected, atol=1e-5
    )


def test_an_offset_of_whole_pixels_reads_the_shifted_map_and_zero_outside() -> None:
    maps = torch.randn(1, 8, 8, 2)
    offset, mask = make_flat_offsets(maps, 1, SamplingKernel())
    offset[..., 0::2] = 2  # x: two columns to the right
    offset[..., 1::2] = -1  # y: one row up
    plain = sample_deformable(
        maps, *make_flat_offsets(maps, 1, SamplingKernel()), groups=1, kernel=SamplingKernel()
    )
    moved = sample_deformable(maps, offset, mask, groups=1, kernel=SamplingKernel())
    assert torch.allclose(moved[:, 2:, :5], plain[:, 1:-1, 2:7], atol=1e-5)
    outside = sample_deformable(maps, offset + 100, mask, groups=1, kernel=SamplingKernel())
    assert torch.equal(outside, torch.zeros_like(outside))


@pytest.mark.parametrize(
    "kernel", [SamplingKernel(offset_scale=1.5), SamplingKernel(remove_center=True)]
)
def test_the_core_equals_loops_over_places_groups_and_points(kernel: SamplingKernel) -> None:
    torch.manual_seed(1)
    groups, maps = 2, torch.randn(1, 5, 4, 6)
    offset = torch.randn(1, 5, 4, groups * kernel.num_points * 2)
    mask = torch.rand(1, 5, 4, groups * kernel.num_points)
    result = sample_deformable(maps, offset, mask, groups=groups, kernel=kernel)
    points = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    if kernel.remove_center:
        points.remove((0, 0))

    def get_pixel(y: int, x: int, channels: slice) -> torch.Tensor:
        inside = 0 <= y < 5 and 0 <= x < 4
        return maps[0, y, x, channels] if inside else torch.zeros(3)

    for y in range(5):
        for x in range(4):
            for group in range(groups):
                group_channels, total = slice(3 * group, 3 * group + 3), torch.zeros(3)
                for i, (dx, dy) in enumerate(points):
                    index = group * len(points) + i
                    px = x + kernel.offset_scale * (dx + float(offset[0, y, x, 2 * index]))
                    py = y + kernel.offset_scale * (dy + float(offset[0, y, x, 2 * index + 1]))
                    left, top = int(np.floor(px)), int(np.floor(py))
                    for cy, wy in ((top, top + 1 - py), (top + 1, py - top)):
                        for cx, wx in ((left, left + 1 - px), (left + 1, px - left)):
                            total += (
                                mask[0, y, x, index] * wy * wx * get_pixel(cy, cx, group_channels)
                            )
                assert torch.allclose(result[0, y, x, group_channels], total, atol=1e-5)


def test_published_sizes_have_the_published_number_of_parameters() -> None:
    counts = {"t": 29_918_424, "b": 97_461_832}
    for size, count in counts.items():
        with torch.device("meta"):
            model = InternImage(replace(SIZES[size], num_classes=1000))
        assert sum(weight.numel() for weight in model.parameters()) == count


@pytest.mark.parametrize("size", SIZES)
def test_every_size_splits_its_channels_evenly_over_its_groups(size: str) -> None:
    config = SIZES[size]
    for i, groups in enumerate(config.groups):
        assert (config.channels * 2**i) % groups == 0
    assert IMAGE_SIZES[size] % 32 == 0


def test_the_attention_pool_is_multi_head_attention_of_the_mean_over_all() -> None:
    pool = randomize_weights(AttentionPool())
    assert isinstance(pool, AttentionPool)
    attention, x = pool.cross_dcn, torch.randn(2, 5, WIDTH)
    oracle = torch.nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
    with torch.no_grad():
        oracle.in_proj_weight.copy_(
            torch.cat([attention.q.weight, attention.k.weight, attention.v.weight])
        )
        oracle.in_proj_bias.copy_(torch.cat([attention.q_bias, attention.k_bias, attention.v_bias]))
        oracle.out_proj.weight.copy_(torch.eye(WIDTH))
        oracle.out_proj.bias.zero_()
        query = pool.norm1_q(x.mean(1, keepdim=True))
        attended, _ = oracle(query, pool.norm1_k(x), pool.norm1_v(x))
        assert torch.allclose(pool(x), attention.proj(attended)[:, 0], rtol=1e-4, atol=1e-3)


def test_the_network_with_an_attention_pool_gives_features_and_has_the_published_names() -> None:
    small = replace(TINY, use_clip_projector=True, num_classes=3)
    model = InternImage(small).eval()
    with torch.inference_mode():
        assert model(torch.randn(1, 3, 64, 64)).shape == (1, 3)
        assert model.extract_features(torch.randn(1, 3, 64, 64)).shape == (1, OUT)
    state = {key.removeprefix("clip_head."): weight for key, weight in model.state_dict().items()}
    for key in ("dcnv3_head_x4.0.weight", "clip_projector.cross_dcn.q_bias", "fc_norm.0.bias"):
        assert key in state
    rebuilt = build_internimage(small, state, "made up")
    assert torch.equal(rebuilt.clip_head.clip_projector.cross_dcn.q_bias, torch.zeros(WIDTH))


@pytest.mark.parametrize("hub", [False, True])
def test_a_checkpoint_loads_under_the_names_of_its_authors_and_of_the_hub(
    tmp_path: Path, hub: bool
) -> None:
    config = replace(TINY, layer_scale=1e-5, post_norm=True, num_classes=4)
    original = randomize_weights(InternImage(config))
    state = original.state_dict()
    if hub:
        state = {
            f"model.{k.replace('gamma', 'layer_scale')}": weight for k, weight in state.items()
        }
    torch.save({"model": state, "model_ema": state}, tmp_path / "i.pth")
    model = load_internimage(config, tmp_path / "i.pth").eval()
    images = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(model(images), original(images))


def test_a_checkpoint_of_another_size_is_an_error(tmp_path: Path) -> None:
    torch.save({"model": InternImage(TINY).state_dict()}, tmp_path / "i.pth")
    with pytest.raises(DataError, match="of another shape"):
        load_internimage(replace(TINY, channels=16), tmp_path / "i.pth")
    with pytest.raises(DataError, match="missing"):
        load_internimage(replace(TINY, center_feature_scale=True), tmp_path / "i.pth")


def test_the_encoder_keeps_its_contract_and_gives_a_token_a_frame() -> None:
    encoder = internimage(size="tiny")
    check_encoder(encoder)
    mask = torch.tensor([[True, True, False], [False, False, False]])
    with torch.inference_mode():
        tokens = encoder.encode(torch.rand(2, 3, 32, 32, 3) * 255, mask)
    assert tokens.values.shape == (2, 3, encoder.dim)
    assert torch.equal(tokens.mask, mask)
    assert (tokens.values[~mask] == 0).all()


def test_a_frozen_network_never_reads_its_batch_and_a_trained_one_learns() -> None:
    frozen, trained = internimage(size="tiny"), internimage(size="tiny", trained=True)
    frozen.train()
    assert not frozen.model.training
    trained.train()
    assert trained.model.training
    tokens = trained.encode(torch.rand(1, 2, 32, 32, 3) * 255, torch.ones(1, 2, dtype=torch.bool))
    tokens.values.square().sum().backward()
    assert trained.model.levels[0].blocks[0].dcn.input_proj.weight.grad.abs().sum() > 0


def test_frames_keep_their_aspect_ratio_and_are_cropped_at_the_center() -> None:
    pixels = np.zeros((2, 32, 96, 3), np.uint8)
    pixels[:, :, 32:64] = 200
    rows = internimage(size="tiny").prepare(Frames(pixels, np.arange(2) / 8))
    assert rows.shape == (2, 32, 32, 3)
    assert (rows == 200).all()


def test_checkpointing_changes_neither_tokens_nor_gradients() -> None:
    result = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        encoder = internimage(size="tiny", trained=True, checkpointing=checkpointing).train()
        torch.manual_seed(1)
        values = torch.rand(1, 2, 32, 32, 3) * 255
        tokens = encoder.encode(values, torch.ones(1, 2, dtype=torch.bool)).values
        tokens.square().sum().backward()
        result.append(
            [tokens, *(weight.grad for weight in encoder.parameters() if weight.grad is not None)]
        )
    assert len(result[0]) > 10
    for plain, frugal in zip(*result, strict=True):
        torch.testing.assert_close(plain, frugal)
