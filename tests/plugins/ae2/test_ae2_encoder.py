"""Encoder `ae2`: rows of bytes, context frames, boxes and checkpoints."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from egoexobench import testing
from egoexobench.errors import DataError, UsageError
from egoexobench.types import Frames
from egoexobench_plugins.ae2 import ae2
from egoexobench_plugins.ae2.encoder import CHUNK, AE2Encoder

TINY: dict[str, Any] = {
    "image": 32,
    "stem": 4,
    "blocks": "1-1-1",
    "conv": 16,
    "project": 8,
    "hidden": 8,
}


def make_encoder(**options: Any) -> AE2Encoder:
    torch.manual_seed(0)
    encoder = ae2(**(TINY | options))
    assert isinstance(encoder, AE2Encoder)
    return encoder


def make_frames(count: int = 6, seed: int = 0) -> Frames:
    """Frames that are read with the frame two before; the first two are only read so."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    boxes = rng.uniform(0, 32, (count, 4, 10)).astype(np.float32)
    boxes[..., 9] = np.arange(4)
    context = np.maximum(np.arange(count) - 2, -1)
    return Frames(pixels, np.arange(count) / 8, boxes, context)


@torch.inference_mode()
def encode_clips(encoder: AE2Encoder, *clips: Frames) -> list[Tensor]:
    arrays = [torch.from_numpy(encoder.prepare(clip)) for clip in clips]
    longest = max(map(len, arrays))
    values = torch.zeros(len(arrays), longest, arrays[0].shape[1], dtype=torch.uint8)
    mask = torch.zeros(len(arrays), longest, dtype=torch.bool)
    for row, array in enumerate(arrays):
        values[row, : len(array)], mask[row, : len(array)] = array, True
    tokens = encoder.encode(values, mask)
    return [rows[real] for rows, real in zip(tokens.values, tokens.mask, strict=True)]


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize(
    "options", [{}, {"object_centric": True, "mask": True, "weigh": True, "positions": True}]
)
def test_both_networks_keep_the_contract(options: dict[str, Any], trained: bool) -> None:
    testing.check_encoder(make_encoder(**options, trained=trained))


@pytest.mark.parametrize("object_centric", [False, True])
def test_a_token_is_the_network_on_its_frame_and_the_earlier_one(object_centric: bool) -> None:
    encoder, clip = make_encoder(object_centric=object_centric), make_frames()
    (tokens,) = encode_clips(encoder, clip)
    assert len(tokens) == 4, "the first two frames are only context"
    for token, position in zip(tokens, range(2, 6), strict=True):
        pair = clip.pixels[[position - 2, position]]
        images = torch.from_numpy(pair[..., ::-1].copy()).permute(0, 3, 1, 2) / 127.5 - 1
        boxes = torch.from_numpy(clip.boxes[position : position + 1])  # type: ignore[index]
        with torch.inference_mode():
            expected = encoder.model(images, torch.tensor([[0, 1]]), boxes)[0]
        torch.testing.assert_close(token, expected, atol=1e-4, rtol=1e-4)


def test_the_colors_are_blue_first_unless_they_are_asked_for_otherwise() -> None:
    clip = make_frames()
    mirrored = replace(clip, pixels=clip.pixels[..., ::-1].copy())
    (default,) = encode_clips(make_encoder(), clip)
    (red_first,) = encode_clips(make_encoder(channels="rgb"), mirrored)
    torch.testing.assert_close(default, red_first)
    assert not torch.allclose(default, encode_clips(make_encoder(), mirrored)[0])


def test_a_long_video_is_embedded_in_chunks_with_the_same_tokens() -> None:
    encoder = make_encoder()
    long, short = make_frames(3 * CHUNK + 5), make_frames(4, seed=1)
    together = encode_clips(encoder, long, short)
    rows = torch.from_numpy(encoder.prepare(long))[None]
    with torch.inference_mode():
        unpacked = encoder._unpack(rows, torch.ones(1, rows.shape[1], dtype=torch.bool))
        sampled = (unpacked.context >= 0).nonzero().flatten()
        pairs = torch.stack([unpacked.context[sampled], sampled], 1)
        at_once = encoder._embed_chunk(unpacked, pairs)
    torch.testing.assert_close(together[0], at_once, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(together[1], encode_clips(encoder, short)[0], atol=1e-4, rtol=1e-4)


def test_frames_without_context_stand_beside_themselves() -> None:
    encoder, clip = make_encoder(), make_frames()
    itself = replace(clip, context=np.arange(6))
    assert torch.equal(
        encode_clips(encoder, replace(clip, context=None))[0], encode_clips(encoder, itself)[0]
    )


def test_each_sampled_frame_has_the_time_of_its_token() -> None:
    times = np.array([0.5, 1.0, 4.0])
    assert make_encoder().get_token_times(times).tolist() == times.tolist()


def test_boxes_are_scaled_from_the_frame_to_the_image() -> None:
    encoder, clip = make_encoder(object_centric=True), make_frames()
    doubled = replace(clip, pixels=clip.pixels.repeat(2, 1).repeat(4, 2))
    assert doubled.pixels.shape[1:3] == (64, 128)
    boxes = clip.boxes * np.float32([4, 2, 4, 2, 1, 1, 1, 1, 1, 1])  # type: ignore[operator]
    numbers = [encoder.prepare(frames)[:, 32 * 32 * 3 :] for frames in (clip, doubled)]
    assert not np.array_equal(*numbers)
    assert np.array_equal(numbers[0], encoder.prepare(replace(doubled, boxes=boxes))[:, 3072:])


def test_a_clip_without_boxes_or_with_another_number_is_refused_by_the_network_of_boxes() -> None:
    encoder, clip = make_encoder(object_centric=True), make_frames()
    with pytest.raises(DataError, match="the clip has no boxes of hands and objects"):
        encoder.prepare(replace(clip, boxes=None))
    with pytest.raises(DataError, match=r"have the shape \(6, 3, 10\); the network reads 4 boxes"):
        encoder.prepare(replace(clip, boxes=clip.boxes[:, :3]))  # type: ignore[index]


@pytest.mark.parametrize("blocks", ["3-4", "3-4-0", "a-b-c", "3-4-6-3"])
def test_wrong_numbers_of_blocks_are_refused(blocks: str) -> None:
    with pytest.raises(UsageError, match="must be three numbers from 1, such as 3-4-6"):
        ae2(blocks=blocks)
    with pytest.raises(UsageError, match="context_step=0 must be 1 or more"):
        ae2(context_step=0)


def test_a_lightning_checkpoint_is_loaded_strictly_and_its_rest_is_named(tmp_path: Path) -> None:
    source = make_encoder()
    state = {f"model.{name}": value for name, value in source.model.state_dict().items()}
    training = {"epoch": 3, "global_step": 7, "optimizer_states": [{}], "state_dict": state}
    torch.save(training, tmp_path / "break_eggs.ckpt")
    torch.manual_seed(9)
    loaded = ae2(**TINY, weights=tmp_path / "break_eggs.ckpt")
    (expected,), (tokens,) = (encode_clips(item, make_frames()) for item in (source, loaded))  # type: ignore[arg-type]
    assert torch.equal(expected, tokens)
    torch.save({"state_dict": state | {"loss.scale": torch.ones(1)}}, tmp_path / "more.ckpt")
    with pytest.raises(DataError, match=r"1 unexpected \(loss.scale\)"):
        ae2(**TINY, weights=tmp_path / "more.ckpt")
    with pytest.raises(DataError, match="missing"):
        ae2(**TINY, object_centric=True, weights=tmp_path / "break_eggs.ckpt")


def test_the_stem_can_start_from_torchvisions_weights(tmp_path: Path) -> None:
    stem = make_encoder().model.base_model.state_dict()
    classifier = {"fc.weight": torch.ones(2, 2), "layer4.0.conv1.weight": torch.ones(1)}
    torch.save(stem | classifier, tmp_path / "resnet50.pth")
    torch.manual_seed(9)
    loaded = ae2(**TINY, backbone=tmp_path / "resnet50.pth")
    assert isinstance(loaded, AE2Encoder)
    weights = loaded.model.base_model.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in stem.items())
    torch.save(classifier, tmp_path / "other.pth")
    with pytest.raises(DataError, match=r"not those of the stem of ae2 .*missing"):
        ae2(**TINY, backbone=tmp_path / "other.pth")


def test_only_weights_that_are_used_are_trained() -> None:
    plain, boxes = make_encoder(trained=True), make_encoder(trained=True, object_centric=True)
    assert all(weight.requires_grad for weight in plain.parameters())
    unused = {name for name, weight in boxes.model.named_parameters() if not weight.requires_grad}
    assert {name.split(".")[0] for name in unused} == {"fc_layers", "pos_embed"}
