"""hf-image and hf-video equal the library on one clip, for every family."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import write_tiny_model
from torch import Tensor

from egoexobench import testing
from egoexobench.errors import DataError, UsageError
from egoexobench.types import Frames
from egoexobench_plugins.hub_encoders import hf_image, hf_video
from egoexobench_plugins.hub_encoders.families import FAMILIES
from egoexobench_plugins.hub_encoders.family import ModelFamily

IMAGE_FAMILIES = [family for family in FAMILIES if family.kind == "image"]
VIDEO_FAMILIES = [family for family in FAMILIES if family.kind == "video"]
PIXELS = np.random.default_rng(0).integers(0, 256, (8, 48, 60, 3), np.uint8)


def make_clip(num_frames: int) -> Frames:
    return Frames(PIXELS[:num_frames], np.arange(num_frames) / 8)


def encode_clip(encoder: Any, num_frames: int) -> Tensor:
    """The tokens of one clip."""
    values = torch.from_numpy(encoder.prepare(make_clip(num_frames)))[None]
    with torch.inference_mode():
        result = encoder.encode(values, torch.ones(values.shape[:2], dtype=torch.bool))
    return result.values[result.mask]


def run_library(folder: Path, family: ModelFamily, num_frames: int) -> Any:
    """What the library itself computes for one clip, with its whole processor."""
    import transformers

    model = getattr(transformers, family.model).from_pretrained(folder).eval()
    if family.processor == "video":
        processor = transformers.AutoVideoProcessor.from_pretrained(folder)
        clip = {"videos": [PIXELS[:num_frames]], "do_sample_frames": False}
    else:
        processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
        clip = {"images": list(PIXELS[:num_frames])}
    batch = processor(**clip, return_tensors="pt")
    if family.model_type == "flava":
        batch = {"pixel_values": batch["pixel_values"]}
    if family.kind == "video" and batch[family.input].ndim == 4:
        batch[family.input] = batch[family.input][None]
    with torch.inference_mode():
        call = getattr(model, family.call)
        return call(**batch, **family.call_arguments, output_hidden_states=True)


def project_first(folder: Path, family: ModelFamily, states: Tensor) -> Tensor:
    """The published vector of a family that pools its first token."""
    import transformers

    model = getattr(transformers, family.model).from_pretrained(folder).eval()
    with torch.inference_mode():
        match family.model_type:
            case "blip":  # as in its `forward`, before it gets unit length
                return model.vision_proj(states[:, 0])
            case "flava":
                return model.image_projection(states)[:, 0]
            case _:
                return states[:, 0]


def flatten_places(states: Tensor) -> Tensor:
    """Tokens ``(B, N, D)``, of a convolutional network too."""
    return states.flatten(2).transpose(1, 2) if states.ndim == 4 else states


@pytest.mark.parametrize("family", IMAGE_FAMILIES, ids=lambda family: family.model_type)
def test_a_family_of_pictures_equals_the_library(family: ModelFamily, tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "image", family.model_type)
    encoders = {
        output: hf_image(model=str(tmp_path), output=output)
        for output in ("frames", "pooled", "tokens")
    }
    for encoder in encoders.values():
        testing.check_encoder(encoder)
    result = run_library(tmp_path, family, 3)
    states = flatten_places(result.last_hidden_state)
    special = family.special + (3 if family.registers else 0)
    # of at most 14 patches, 48 by 60 pixels fill 3 by 4, and two are padding
    num_places = 12 if family.processor == "patches" else states.shape[1] - special
    vectors = {
        "pooler": lambda: result.pooler_output.flatten(1),
        "first": lambda: project_first(tmp_path, family, states),
        "mean": lambda: states.mean(1),
    }[family.pooling]()
    expected = {
        "frames": vectors,
        "pooled": vectors.mean(0, keepdim=True),
        "tokens": states[:, special : special + num_places].flatten(0, 1),
    }
    for output, encoder in encoders.items():
        tokens = encode_clip(encoder, 3)
        torch.testing.assert_close(tokens, expected[output], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", VIDEO_FAMILIES, ids=lambda family: family.model_type)
def test_a_family_of_video_equals_the_library(family: ModelFamily, tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "video", family.model_type)
    num_frames = 8 if family.model_type == "xclip" else 4
    result = run_library(tmp_path, family, num_frames)
    pooled = hf_video(model=str(tmp_path), output="pooled")
    testing.check_encoder(pooled, num_frames=num_frames)
    if family.pooling == "pooler":
        expected = result.pooler_output.flatten(0, -2)[0]
    else:
        states = result.last_hidden_state[0]
        expected = states[0] if family.pooling == "first" else states.mean(0)
    torch.testing.assert_close(encode_clip(pooled, num_frames)[0], expected, rtol=1e-4, atol=1e-5)
    if not family.has_tokens:
        with pytest.raises(UsageError, match="output=pooled"):
            hf_video(model=str(tmp_path), output="frames")
        return
    tubes = result.last_hidden_state[0, family.special :]
    has_tubes = family.tubelet and not family.model_type.startswith("videoprism")
    steps = num_frames // (2 if has_tubes else 1)
    places = (
        tubes.unflatten(0, (-1, steps)).transpose(0, 1)
        if family.is_place_major
        else (tubes.unflatten(0, (steps, -1)))
    )
    for output, tokens in {"tokens": tubes, "frames": places.mean(1)}.items():
        encoder = hf_video(model=str(tmp_path), output=output)
        testing.check_encoder(encoder, num_frames=num_frames)
        torch.testing.assert_close(encode_clip(encoder, num_frames), tokens, rtol=1e-4, atol=1e-5)


def test_the_tokens_of_one_time_are_those_of_that_time(tmp_path: Path) -> None:
    # without attention between times, a change of the last frame changes the last token alone
    for model_type in ("timesformer", "videomae"):
        write_tiny_model(tmp_path / model_type, "video", model_type)
        encoder: Any = hf_video(model=str(tmp_path / model_type), output="frames", layer=0)
        values = torch.from_numpy(encoder.prepare(make_clip(4)))[None]
        changed = values.clone()
        changed[:, -1] += 40
        mask = torch.ones(values.shape[:2], dtype=torch.bool)
        with torch.inference_mode():
            pair = [encoder.encode(batch, mask).values[0] for batch in (values, changed)]
        moved = (pair[0] - pair[1]).abs().amax(1) > 1e-4
        assert moved.tolist() == [False] * (len(moved) - 1) + [True]


@pytest.mark.parametrize(
    ("model_type", "count", "text"),
    [
        ("videomae", 8, "takes 4 frames of a clip and gets 8"),
        ("xclip", 4, "takes 8 frames"),
        ("vivit", 6, "takes 4 frames"),
        ("vjepa2", 3, "a multiple of 2 frames of a clip and gets 3"),
    ],
)
def test_a_number_of_frames_that_a_model_does_not_take_is_refused(
    model_type: str, count: int, text: str, tmp_path: Path
) -> None:
    write_tiny_model(tmp_path, "video", model_type)
    with pytest.raises(DataError, match=text):
        hf_video(model=str(tmp_path), output="pooled").prepare(make_clip(count))
    with pytest.raises(DataError, match=text):
        hf_video(model=str(tmp_path), output="pooled", frames=count)


def test_frames_are_picked_evenly_for_a_model_that_takes_fewer(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "video", "videomae")
    encoder = hf_video(model=str(tmp_path), frames=4)
    picked = Frames(PIXELS[[1, 3, 5, 7]], np.arange(4) / 8)
    assert np.array_equal(encoder.prepare(make_clip(8)), encoder.prepare(picked))
    with pytest.raises(DataError, match="set num_frames=4"):
        encoder.prepare(make_clip(3))


@pytest.mark.parametrize("trained", [False, True])
def test_pictures_stay_in_8_bits_until_the_model_reads_them(trained: bool, tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "image", "image", "dinov2")
    write_tiny_model(tmp_path / "video", "video", "vjepa2")
    encoders = (
        hf_image(model=str(tmp_path / "image"), trained=trained),
        hf_video(model=str(tmp_path / "video"), trained=trained),
    )
    for encoder in encoders:
        assert encoder.prepare(make_clip(4)).dtype == np.uint8
        testing.check_encoder(encoder)


def test_a_layer_is_the_hidden_state_of_the_library(tmp_path: Path) -> None:
    family = write_tiny_model(tmp_path, "image", "clip")
    result = run_library(tmp_path, family, 2)
    encoder = hf_image(model=str(tmp_path), output="tokens", layer=1)
    expected = result.hidden_states[1][:, 1:].flatten(0, 1)
    torch.testing.assert_close(encode_clip(encoder, 2), expected, rtol=1e-4, atol=1e-5)


def test_layers_of_different_width_are_refused(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "image", "resnet")
    with pytest.raises(UsageError, match="differ in width"):
        hf_image(model=str(tmp_path), layer=1)


def test_a_changed_processor_gives_other_pictures_and_another_identity(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "image", "clip")
    before: Any = hf_image(model=str(tmp_path))
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"image_mean": [0.1, 0.2, 0.3]}))
    after: Any = hf_image(model=str(tmp_path))
    assert before.content_hash != after.content_hash
    assert not torch.allclose(encode_clip(before, 1), encode_clip(after, 1), atol=1e-3)


def test_a_missing_processor_is_one_line(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "image", "clip")
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(DataError, match=r"no preprocessor_config\.json, .* `save_pretrained`"):
        hf_image(model=str(tmp_path))


def test_a_text_model_is_refused_by_its_right_encoder(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "text", "bert")
    with pytest.raises(UsageError, match="use hf-text"):
        hf_image(model=str(tmp_path))
