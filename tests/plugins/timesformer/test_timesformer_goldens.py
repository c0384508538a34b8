import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from egoexobench_plugins.timesformer import published
from egoexobench_plugins.timesformer.encoder import TimeSformer
from egoexobench_plugins.timesformer.model import SpaceTime, inflated
from egoexobench_plugins.timesformer.systems import SYSTEMS, Shape

GOLDENS = Path(os.environ.get("EGOEXOBENCH_GOLDENS", "../shared/goldens"))
pytestmark = [
    pytest.mark.golden,
    pytest.mark.skipif(
        not GOLDENS.is_dir(), reason=f"no reference outputs in {GOLDENS}; set EGOEXOBENCH_GOLDENS"
    ),
]


def found(*systems):
    return sorted(path.stem for system in systems for path in GOLDENS.glob(f"{system}-*.json"))


def golden(name):
    about = json.loads((GOLDENS / f"{name}.json").read_text())
    tensors = load_file(GOLDENS / f"{name}.safetensors")
    return about, tensors, about["tolerance_max_abs"]


def state_of(tensors):
    return {k.removeprefix("state."): v for k, v in tensors.items() if k.startswith("state.")}


def shape_of(config, *, stretch=False):
    return Shape(
        config["image_size"],
        config["patch_size"],
        config["dim"],
        config["depth"],
        config["heads"],
        config["num_frames"],
        ln_pre=config["ln_pre"],
        patch_bias=config["patch_conv_bias"],
        activation=config["activation"],
        gated=config.get("tanh_gating", False),
        stretch=stretch,
        mlp_ratio=config.get("mlp_ratio", 4.0),
        eps=config.get("norm_eps_blocks_and_final", config.get("norm_eps")),
        pre_eps=config.get("ln_pre_eps", 1e-5),
    )


def videos(tensors, outputs):
    """The inputs called ``in.video*``, each with the suffix that its outputs have."""
    return {
        key.removeprefix("in.video"): value
        for key, value in tensors.items()
        if key.startswith("in.video") and any(f"{o}{key[8:]}" in tensors for o in outputs)
    }


def close(ours, wanted, tolerance):
    assert ours.shape == wanted.shape
    assert float((ours - wanted).abs().max()) <= tolerance


@pytest.mark.parametrize("name", found("lavila-visual"))
@torch.inference_mode()
def test_the_tower_of_lavila_gives_its_reference_class_features(name):
    about, tensors, tolerance = golden(name)
    tower = SpaceTime(shape_of(about["config"])).eval()
    tower.load_state_dict(state_of(tensors))  # strict
    clips = videos(tensors, ["out.cls_feature"])
    assert clips
    for suffix, video in clips.items():
        close(tower(video.transpose(1, 2))[:, 0], tensors[f"out.cls_feature{suffix}"], tolerance)


def encoder_of(config, system, embed):
    shape = shape_of(config, stretch=SYSTEMS[system].stretch)
    return TimeSformer(shape, SYSTEMS[system], "cls", embed, trained=False).eval()


CLIP = {"lavila-clip": "lavila", "egoexo": "egoexo"}


@pytest.mark.parametrize("name", found(*CLIP))
@torch.inference_mode()
def test_the_dual_encoders_give_their_reference_video_embeddings(name):
    about, tensors, tolerance = golden(name)
    config = about["config"]
    encoder = encoder_of(config["visual"], CLIP[about["system"]], config["embed_dim"])
    state = state_of(tensors)
    published.fit(encoder, state, "bilinear", name)
    assert set(published.names(state)) >= {k for k in state if k.startswith(("visual.", "image_"))}
    clips = videos(tensors, ["out.image_embed"])
    assert clips
    for suffix, given in clips.items():
        video = given.transpose(1, 2)
        close(encoder.embed(video), tensors[f"out.image_embed{suffix}"], tolerance)
        close(encoder.visual(video)[:, 0], tensors[f"out.image_feature{suffix}"], tolerance)
    image = encoder.embed(tensors["in.video"].transpose(1, 2))
    unit = torch.nn.functional.normalize(image, dim=-1)
    close(unit, tensors["out.forward_norm.image_embed"], tolerance)
    close(image[:1] @ image.T, tensors["out.mcq_scores"], tolerance)


FIT = ("frozen-in-time", "egovlp")


@pytest.mark.parametrize("name", found(*FIT))
@torch.inference_mode()
def test_frozen_in_time_and_egovlp_give_their_reference_video_embeddings(name):
    about, tensors, tolerance = golden(name)
    config = about["config"]
    keys = ("norm_eps", "activation", "patch_conv_bias", "ln_pre")
    video_config = config["video"] | {key: config[key] for key in keys}
    encoder = encoder_of(video_config, about["system"], config["projection_dim"])
    state = state_of(tensors)
    published.fit(encoder, state, "zeros", name)
    assert set(published.names(state)) == {k for k in state if k.startswith(("video", "vid_"))}
    clips = videos(tensors, ["out.video_embed"])
    assert clips
    for suffix, video in clips.items():
        close(encoder.embed(video), tensors[f"out.video_embed{suffix}"], tolerance)
    close(encoder.visual(tensors["in.video"])[:, 0], tensors["out.video_cls"], tolerance)
    if "out.video_only" in tensors:
        close(encoder.embed(tensors["in.video"]), tensors["out.video_only"], tolerance)


RULES = {
    ("fit", "bilinear"): "bilinear",
    ("lavila", "bilinear"): "bilinear",
    ("egovlp", "bilinear"): "aligned",
    ("egoexo", "onthefly"): "bilinear",
}


@pytest.mark.parametrize("name", found("temporal-embed-inflation"))
def test_temporal_tables_grow_as_each_system_grows_them(name):
    _, tensors, tolerance = golden(name)
    tables = [key.split(".")[1:] for key in tensors if key.startswith("out.") and "text" not in key]
    assert tables
    for system, rule, frames in tables:
        chosen = RULES.get((system, rule), {"interp": "nearest"}.get(rule, rule))
        ours = inflated(tensors["in.temporal_embed"], int(frames), chosen)
        close(ours, tensors[f"out.{system}.{rule}.{frames}"], tolerance)
