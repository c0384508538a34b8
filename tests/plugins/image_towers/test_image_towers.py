"""open-clip, open-clip-text and timm equal their libraries, from a folder and from a hub."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import timm
import torch
from local_hub import COMMIT, serve_hub, use_hub
from PIL import Image
from tiny_towers import write_open_clip, write_timm

from egoexobench import testing
from egoexobench.errors import DataError, UsageError
from egoexobench.types import Frames
from egoexobench_plugins.image_towers import open_clip_image, open_clip_text, timm_image

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 48, 60, 3), np.uint8)
TEXTS = ["a person takes the garlic", "", "a very long text " * 20]
TIMM_MODELS = {
    "vit_tiny_patch16_224": {"img_size": 32, "depth": 2},
    "resnet18": {},
    "mobilenetv3_small_050": {},
}


def encode_frames(encoder: Any) -> torch.Tensor:
    """The tokens of one clip."""
    values = torch.from_numpy(encoder.prepare(Frames(PIXELS, np.arange(3) / 8)))[None]
    with torch.inference_mode():
        result = encoder.encode(values, torch.ones(values.shape[:2], dtype=torch.bool))
    return result.values[result.mask]


def encode_text(encoder: Any, text: str) -> torch.Tensor:
    """The token of a text."""
    token_ids = torch.from_numpy(encoder.prepare(text))[None]
    with torch.inference_mode():
        return encoder.encode(token_ids, torch.ones_like(token_ids, dtype=torch.bool)).values[0, 0]


def transform_frames(transform: Any) -> torch.Tensor:
    return torch.stack([transform(Image.fromarray(pixels)) for pixels in PIXELS])


def test_pictures_of_open_clip_equal_the_library(tmp_path: Path) -> None:
    model = write_open_clip(tmp_path)
    _, _, transform = open_clip.create_model_and_transforms(
        f"local-dir:{tmp_path}", load_weights=False
    )
    with torch.inference_mode():
        expected = model.encode_image(transform_frames(transform))
    encoder = open_clip_image(model=str(tmp_path))
    testing.check_encoder(encoder)
    torch.testing.assert_close(encode_frames(encoder), expected, rtol=1e-4, atol=1e-5)
    pooled = open_clip_image(model=str(tmp_path), output="pooled")
    torch.testing.assert_close(encode_frames(pooled)[0], expected.mean(0), rtol=1e-4, atol=1e-5)
    testing.check_encoder(open_clip_image(model=str(tmp_path), trained=True, checkpointing=True))


def test_texts_of_open_clip_equal_the_library(tmp_path: Path) -> None:
    model = write_open_clip(tmp_path)
    with torch.inference_mode():
        expected = model.encode_text(open_clip.tokenize(TEXTS, context_length=20))
    encoder = open_clip_text(model=str(tmp_path))
    testing.check_encoder(encoder)
    for text, vector in zip(TEXTS, expected, strict=True):
        torch.testing.assert_close(encode_text(encoder, text), vector, rtol=1e-4, atol=1e-5)
    testing.check_encoder(open_clip_text(model=str(tmp_path), trained=True))


def test_patches_of_open_clip_equal_the_library(tmp_path: Path) -> None:
    model = write_open_clip(tmp_path)
    _, _, transform = open_clip.create_model_and_transforms(
        f"local-dir:{tmp_path}", load_weights=False
    )
    pictures = transform_frames(transform)
    model.visual.output_tokens = True
    with torch.inference_mode():
        _, patches = model.visual(pictures)
        block = model.visual.transformer.resblocks[0](model.visual._embeds(pictures))[:, 1:]
    encoders = {
        "tokens": (open_clip_image(model=str(tmp_path), output="tokens"), patches.flatten(0, 1)),
        "layer": (open_clip_image(model=str(tmp_path), output="tokens", layer=1),
                  block.flatten(0, 1)),
        "vector": (open_clip_image(model=str(tmp_path), layer=-2), block.mean(1)),
    }  # fmt: skip
    for encoder, expected in encoders.values():
        testing.check_encoder(encoder)
        torch.testing.assert_close(encode_frames(encoder), expected, rtol=1e-4, atol=1e-5)


def test_words_of_open_clip_equal_the_library(tmp_path: Path) -> None:
    model = write_open_clip(tmp_path)
    text = "a cat!"  # the sign has the number 0, which is that of padding as well
    token_ids = open_clip.tokenize([text], context_length=20)
    num_words = int(token_ids.argmax()) + 1
    with torch.inference_mode():
        embedded = model.token_embedding(token_ids) + model.positional_embedding
        block = model.transformer.resblocks[0](embedded, attn_mask=model.attn_mask)
        last = model.ln_final(model.transformer(embedded, attn_mask=model.attn_mask))
    for options, expected in (({}, last), ({"layer": 1}, block)):
        encoder: Any = open_clip_text(model=str(tmp_path), output="tokens", **options)
        testing.check_encoder(encoder)
        values = torch.from_numpy(encoder.prepare(text))[None]
        with torch.inference_mode():
            tokens = encoder.encode(values, torch.ones_like(values, dtype=torch.bool))
        assert int(tokens.mask.sum()) == num_words
        actual = tokens.values[0, :num_words]
        torch.testing.assert_close(actual, expected[0, :num_words], rtol=1e-4, atol=1e-5)
    testing.check_encoder(
        open_clip_text(model=str(tmp_path), layer=1, trained=True, checkpointing=True)
    )


@pytest.mark.parametrize("layer", [0, 3, -3])
def test_a_layer_that_does_not_exist_is_refused_in_one_line(layer: int, tmp_path: Path) -> None:
    write_open_clip(tmp_path)
    for create in (open_clip_image, open_clip_text):
        with pytest.raises((DataError, UsageError)) as caught:
            create(model=str(tmp_path), output="tokens", layer=layer)
        assert "\n" not in str(caught.value)


def test_the_activation_is_that_of_the_repository(tmp_path: Path) -> None:
    write_open_clip(tmp_path / "gelu")
    write_open_clip(tmp_path / "quick", quick_gelu=True)
    gelu, quick = (
        encode_frames(open_clip_image(model=str(tmp_path / name))) for name in ("gelu", "quick")
    )
    assert not torch.allclose(gelu, quick, atol=1e-4)


def test_a_tag_is_a_repository_at_a_commit_and_keeps_its_activation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the tag `openai` says QuickGELU, also where the settings of its repository do not
    write_open_clip(tmp_path / "plain")
    write_open_clip(tmp_path / "quick", quick_gelu=True)
    expected = encode_frames(open_clip_image(model=str(tmp_path / "quick")))
    with serve_hub() as hub:
        use_hub(monkeypatch, hub.endpoint, tmp_path / "cache")
        hub.repositories["timm/vit_base_patch16_clip_224.openai"] = tmp_path / "plain"
        with pytest.warns(UserWarning, match="downloading"):
            encoder = open_clip_image(model="ViT-B-16", pretrained=f"openai@{COMMIT}")
    torch.testing.assert_close(encode_frames(encoder), expected)


@pytest.mark.parametrize(
    ("model", "pretrained", "text"),
    [
        ("ViT-B-16", "laion", "it has openai, laion400m_e31"),
        ("ViT-B-17", "openai", "Did you mean"),
        ("ViT-B-16", "openai@main", "is not a commit"),
        ("ViT-B-16", "laion2b_s34b_b88k@123", "is not a commit"),
    ],
)
def test_a_wrong_tag_is_refused_with_what_there_is(model: str, pretrained: str, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        open_clip_image(model=model, pretrained=pretrained)


def test_a_text_tower_of_another_repository_is_refused(tmp_path: Path) -> None:
    write_open_clip(tmp_path)
    path = tmp_path / "open_clip_config.json"
    settings = json.loads(path.read_text())
    settings["model_cfg"]["text_cfg"] = {"hf_model_name": "org/roberta"}
    path.write_text(json.dumps(settings))
    with pytest.raises(UsageError, match="use hf-text"):
        open_clip_image(model=str(tmp_path))


@pytest.mark.parametrize("architecture", TIMM_MODELS)
def test_a_model_of_timm_equals_the_library(architecture: str, tmp_path: Path) -> None:
    model = write_timm(tmp_path, architecture, **TIMM_MODELS[architecture])
    settings = json.loads((tmp_path / "config.json").read_text())
    data = timm.data.resolve_data_config(pretrained_cfg=settings["pretrained_cfg"], model=model)
    transform = timm.data.create_transform(**data, is_training=False)
    with torch.inference_mode():
        expected = model(transform_frames(transform))
    encoder = timm_image(model=str(tmp_path))
    testing.check_encoder(encoder, num_frames=2)
    torch.testing.assert_close(encode_frames(encoder), expected, rtol=1e-4, atol=1e-5)
    for checkpointing in (False, True):
        testing.check_encoder(
            timm_image(
                model=str(tmp_path), layer=2, output="tokens", trained=True,
                checkpointing=checkpointing,
            ),
            num_frames=2,
        )  # fmt: skip
    if architecture == "mobilenetv3_small_050":
        return  # its last layer belongs to its head
    with torch.inference_mode():
        features = model.forward_features(transform_frames(transform))
    if features.ndim == 4:
        features = features.flatten(2).transpose(1, 2)
    else:
        features = features[:, model.num_prefix_tokens :]
    patches = timm_image(model=str(tmp_path), output="tokens")
    testing.check_encoder(patches, num_frames=2)
    expected = features.flatten(0, 1)
    torch.testing.assert_close(encode_frames(patches), expected, rtol=1e-4, atol=1e-5)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    write_timm(tmp_path, **TIMM_MODELS["vit_tiny_patch16_224"])
    settings = json.loads((tmp_path / "config.json").read_text())
    settings["model_args"]["depth"] = 3
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(DataError, match="missing"):
        timm_image(model=str(tmp_path))


def test_an_architecture_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    write_timm(tmp_path, **TIMM_MODELS["vit_tiny_patch16_224"])
    settings = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(settings | {"architecture": "vit_none"}))
    with pytest.raises(DataError, match="cannot be built") as caught:
        timm_image(model=str(tmp_path))
    assert "\n" not in str(caught.value)
