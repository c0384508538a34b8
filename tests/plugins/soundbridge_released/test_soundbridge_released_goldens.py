import json
import math
import os
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import normalize

from egoexobench.values import Tokens
from egoexobench.weights.load import load_strict
from egoexobench_plugins.clip_text import model as clip
from egoexobench_plugins.info_nce import info_nce
from egoexobench_plugins.soundbridge_released.model import Shape, Text, Video, names
from egoexobench_plugins.timesformer import published, systems
from egoexobench_plugins.timesformer.encoder import TimeSformer

GOLDENS = Path(os.environ.get("EGOEXOBENCH_GOLDENS", "../shared/goldens"))
pytestmark = [
    pytest.mark.golden,
    pytest.mark.skipif(
        not GOLDENS.is_dir(), reason=f"no reference outputs in {GOLDENS}; set EGOEXOBENCH_GOLDENS"
    ),
]
NAMES = sorted(
    path.stem
    for variant in ("association", "retrieval", "cha")
    for path in GOLDENS.glob(f"soundbridge-{variant}-*.json")
)


def close(ours, wanted, tolerance):
    assert ours.shape == wanted.shape
    assert float((ours - wanted).abs().max()) <= tolerance


def token(vectors):
    return Tokens(vectors[:, None], torch.ones(len(vectors), 1, dtype=torch.bool))


class Released:
    """The four parts, each with its share of one checkpoint; no key is left or taken twice."""

    def __init__(self, config, state):
        visual, width = config["visual"], config["embed_dim"]
        shape = systems.Shape(
            visual["image_size"],
            visual["patch_size"],
            visual["dim"],
            visual["depth"],
            visual["heads"],
            visual["num_frames"],
            ln_pre=visual["ln_pre"],
            patch_bias=visual["patch_conv_bias"],
            activation=visual["activation"],
            stretch=True,
            eps=visual["norm_eps_blocks_and_final"],
            pre_eps=visual["ln_pre_eps"],
        )
        self.video = TimeSformer(shape, systems.SYSTEMS["egoexo"], "cls", width, False).eval()
        published.fit(self.video, state, "bilinear", "")
        words = clip.Shape(
            config["context_length"],
            config["text_width"],
            config["text_heads"],
            config["text_layers"],
            width,
            vocabulary=config["vocab_size"],
            eps=config["text_ln_eps"],
        )
        self.text = clip.ClipText(words, "pooled", True, False).eval()
        self.text.fit(state, "")
        sizes = Shape(
            width,
            config["attn_heads"],
            config["fusion_heads"],
            config["audio_dim"],
            config["fusion_ffn"],
        )
        variant = config["variant"]
        self.heard = Video(sizes, variant, "embedding").eval()
        if variant != "cha":
            self.features = Video(sizes, variant, "features").eval()
        else:
            self.features = self.heard
        self.told = Text(sizes, variant).eval()
        for part in (self.heard, self.features, self.told):
            load_strict(part, {k: state[k] for k in names(state, part.HEADS)}, "")
        taken = [*published.names(state), *clip.names(state)]
        taken += [*names(state, Video.HEADS), *names(state, Text.HEADS), "logit_scale"]
        assert sorted(taken) == sorted(state)

    def image(self, fusion, video, query):
        return fusion(query, token(self.video.embed(video.transpose(1, 2))))

    def texts(self, tokens, caption_tokens):
        caption = self.text.embed(caption_tokens)
        return self.told(token(caption), token(self.text.embed(tokens))), caption


def opened(name):
    about = json.loads((GOLDENS / f"{name}.json").read_text())
    tensors = load_file(GOLDENS / f"{name}.safetensors")
    state = {k.removeprefix("state."): v for k, v in tensors.items() if k.startswith("state.")}
    return about, tensors, state, Released(about["config"], state)


def as_released(caption, variant):
    return caption if variant == "retrieval" else caption[None]


@pytest.mark.parametrize("name", NAMES)
@torch.inference_mode()
def test_training_forward_gives_the_reference_embeddings(name):
    about, tensors, state, ours = opened(name)
    tolerance, variant = about["tolerance_max_abs"], about["config"]["variant"]
    audio = tensors["in.audio"]
    query = Tokens(audio, torch.ones(audio.shape[:2], dtype=torch.bool))
    image = ours.image(ours.features, tensors["in.video"], query)
    text, caption = ours.texts(tensors["in.tokens"], tensors["in.caption_tokens"])
    calls = {"forward": torch.clone, "forward_norm": partial(normalize, dim=-1)}
    for call, change in calls.items():
        close(change(image), tensors[f"out.{call}.image_embed"], tolerance)
        close(change(text), tensors[f"out.{call}.text_embed"], tolerance)
        heard = as_released(change(caption), variant)
        close(heard, tensors[f"out.{call}.audio_embed"], tolerance)
        scale = float(tensors[f"out.{call}.logit_scale"])
        assert math.exp(state["logit_scale"]) == pytest.approx(scale, abs=tolerance)


@pytest.mark.parametrize("name", NAMES)
@torch.inference_mode()
def test_evaluation_gives_the_caption_to_the_video_and_the_reference_embeddings(name):
    about, tensors, _, ours = opened(name)
    tolerance, variant = about["tolerance_max_abs"], about["config"]["variant"]
    text, caption = ours.texts(tensors["in.tokens"], tensors["in.caption_tokens"])
    image = ours.image(ours.heard, tensors["in.video"], token(caption))
    close(text, tensors["out.eval.text_embed"], tolerance)
    close(as_released(caption, variant), tensors["out.eval.caption_embed"], tolerance)
    close(image, tensors["out.eval.image_embed"], tolerance)


WITH_LOSS = [name for name in NAMES if name.startswith("soundbridge-retrieval")]


@pytest.mark.parametrize("name", WITH_LOSS)
@torch.inference_mode()
def test_the_loss_where_it_runs_is_that_of_image_and_text_alone(name):
    about, tensors, state, _ = opened(name)
    tolerance = about["tolerance_max_abs"]
    objective = info_nce(
        denominator="all", symmetric=True, temperature=math.exp(-state["logit_scale"])
    )
    image, text, caption = (
        normalize(tensors[f"out.forward.{kind}_embed"], dim=-1)
        for kind in ("image", "text", "audio")
    )
    # the objective adds the loss of two views; giving both the same rows doubles it
    loss = objective(image, image, text, text, []) / 2
    close(loss, tensors["out.loss.image_text"], tolerance)
    close(loss, tensors["out.loss.total"], tolerance)
    logged = objective(caption, caption, text, text, []) / 2
    close(logged, tensors["out.loss.caption_text_logged_only"], tolerance)
