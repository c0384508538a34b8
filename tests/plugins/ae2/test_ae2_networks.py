"""AE2's networks and what they are made of, against other ways to compute the same."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from egoexobench_plugins.ae2.config import AE2Config
from egoexobench_plugins.ae2.model import KIND, SCORE, build_embedder, gather_pairs
from egoexobench_plugins.ae2.pictures import shrink_frames
from egoexobench_plugins.ae2.roi_align import align_regions
from egoexobench_plugins.ae2.stem import ResNetStem

TINY = AE2Config(image=32, stem=4, blocks=(1, 1, 1), conv=16, project=8)
OBJECT = replace(TINY, object_centric=True, hidden=8)


def sample_point(picture: Tensor, row: float, column: float) -> Tensor:
    """Bilinear value of a map (C, H, W) at a point; 0 beyond one cell outside."""
    height, width = picture.shape[1:]
    if not (-1 <= row <= height and -1 <= column <= width):
        return picture.new_zeros(len(picture))
    row, column = min(max(row, 0), height - 1), min(max(column, 0), width - 1)
    top, left = int(row), int(column)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    down, aside = row - top, column - left
    upper = picture[:, top, left] * (1 - aside) + picture[:, top, right] * aside
    lower = picture[:, bottom, left] * (1 - aside) + picture[:, bottom, right] * aside
    return upper * (1 - down) + lower * down


def align_region(picture: Tensor, box: list[float], num_bins: int) -> Tensor:
    """RoIAlign of one box by a loop over bins and samples."""
    left, top, right, bottom = box
    height, width = max(bottom - top, 1) / num_bins, max(right - left, 1) / num_bins
    rows, columns = max(math.ceil(height), 1), max(math.ceil(width), 1)
    result = picture.new_zeros(len(picture), num_bins, num_bins)
    for i in range(num_bins):
        for j in range(num_bins):
            points = [
                sample_point(
                    picture,
                    top + (i + (a + 0.5) / rows) * height,
                    left + (j + (b + 0.5) / columns) * width,
                )
                for a in range(rows)
                for b in range(columns)
            ]
            result[:, i, j] = torch.stack(points).mean(0)
    return result


def test_regions_equal_a_loop_over_bins_and_samples_also_outside_the_map() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(3, 5, 14, 10, generator=generator, dtype=torch.float64)
    corners = torch.rand(3, 4, 4, generator=generator) * 60 - 10  # pixels; the map has 40 x 56
    boxes = torch.cat([corners[..., :2], corners[..., :2] + corners[..., 2:].abs()], -1)
    boxes[0, 0] = 0  # a missing box
    boxes[1, 1] = torch.tensor([0.0, 0.0, 40.0, 56.0])  # the complete map: 4 samples a bin
    boxes[2, 2] = torch.tensor([90.0, 90.0, 99.0, 99.0])  # outside
    regions = align_regions(maps, boxes, 0.25, 4)
    for index in range(3):
        for box in range(4):
            expected = align_region(maps[index], (boxes[index, box] * 0.25).tolist(), 4)
            torch.testing.assert_close(regions[index, box], expected, atol=1e-6, rtol=1e-6)
    assert not regions[2, 2].any()


def test_the_reshape_of_the_release_puts_neighboring_channels_on_the_axis_of_two() -> None:
    maps = torch.arange(2 * 6.0).view(2, 6, 1, 1)  # frame s, channel c: 6 s + c
    pairs = torch.tensor([[0, 1]])
    reshaped = gather_pairs(maps, pairs, "reshape")[0, :, :, 0, 0]
    assert reshaped.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11]]
    transposed = gather_pairs(maps, pairs, "transpose")[0, :, :, 0, 0]
    assert transposed.tolist() == [[channel, 6 + channel] for channel in range(6)]


def test_the_stem_has_the_weights_of_torchvisions_resnet_and_computes_the_same() -> None:
    torchvision = pytest.importorskip("torchvision")
    reference = torchvision.models.resnet50(weights=None).eval()
    stem = ResNetStem(64, (3, 4, 6)).eval()
    state = reference.state_dict()
    stem.load_state_dict({k: v for k, v in state.items() if not k.startswith(("layer4", "fc"))})
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        maps = reference.maxpool(reference.relu(reference.bn1(reference.conv1(images))))
        early = stem.compute_early_maps(images)
        torch.testing.assert_close(early, maps)
        late = reference.layer3(reference.layer2(reference.layer1(maps)))
        torch.testing.assert_close(stem.compute_late_maps(early), late)


@pytest.mark.parametrize(
    ("config", "millions"),
    [
        (AE2Config(), 17.56),
        (AE2Config(object_centric=True), 19.20),
        (AE2Config(object_centric=True, hidden=128, layers=3), 19.49),
        (AE2Config(object_centric=True, hidden=128), 18.30),
    ],
)
def test_the_published_sizes_have_the_published_numbers_of_weights(
    config: AE2Config, millions: float
) -> None:
    with torch.device("meta"):
        embedder = build_embedder(config)
    assert round(sum(weight.numel() for weight in embedder.parameters()) / 1e6, 2) == millions


def embed(config: AE2Config, *, boxes: Tensor, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    embedder = build_embedder(config).eval()
    images = torch.randn(6, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        vectors: Tensor = embedder(images, torch.arange(6).view(3, 2), boxes)
    return vectors


def make_boxes() -> Tensor:
    boxes = torch.zeros(3, 4, 10)
    boxes[..., :5] = torch.tensor([4.0, 6.0, 20.0, 25.0, 0.5])
    boxes[..., KIND] = torch.arange(4)
    boxes[1:, 3, KIND] = -1
    return boxes


def test_each_choice_about_boxes_changes_the_vectors_where_it_applies() -> None:
    boxes = make_boxes()
    default = embed(OBJECT, boxes=boxes)
    placed = embed(replace(OBJECT, positions=True), boxes=boxes)
    assert ((placed - default).abs().amax(1) > 1e-4).all()
    for name, value in (("mask", True), ("missing_box", "zero")):  # apply to missing ones
        changed = embed(replace(OBJECT, **{name: value}), boxes=boxes)
        differences = (changed - default).abs().amax(1)
        assert differences[0] < 1e-6, name
        assert (differences[1:] > 1e-4).all(), name
    one_object = embed(replace(OBJECT, one_object=True), boxes=boxes)
    without = boxes.clone()
    without[:, 3, KIND] = -1
    torch.testing.assert_close(one_object, embed(OBJECT, boxes=without))
    assert boxes[0, 3, KIND] == 3, "the boxes that were passed stay as they are"


def test_the_weight_of_a_box_is_undone_by_the_norm_after_it_unless_it_is_zero() -> None:
    boxes = make_boxes()
    boxes[2, 3, SCORE] = 0
    default, weighed = (embed(replace(OBJECT, weigh=weigh), boxes=boxes) for weigh in (False, True))
    torch.testing.assert_close(weighed[:2], default[:2], atol=1e-4, rtol=1e-4)
    assert (weighed[2] - default[2]).abs().max() > 1e-3


def shrink_slowly(picture: np.ndarray, side: int) -> np.ndarray:
    """The mean over the area of each pixel, by a grid that no pixel cuts."""
    height, width = picture.shape[:2]
    fine = picture.repeat(side, 0).repeat(side, 1).astype(np.float64)
    means = fine.reshape(side, height, side, width, 3).mean((1, 3))
    return np.rint(means).astype(np.uint8)


def test_a_picture_becomes_a_square_by_area_in_two_rounded_steps() -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (2, 15, 20, 3), dtype=np.uint8)
    expected = [shrink_slowly(shrink_slowly(frame, 256), 24) for frame in frames]
    difference = np.abs(shrink_frames(frames, 24).astype(int) - expected)
    assert difference.max() <= 1  # a mean of one half may be rounded to either side
    assert (difference > 0).mean() < 0.01
