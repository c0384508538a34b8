"""Frozen-in-Time and EgoVLP: the space-time transformer, DistilBERT and their projections."""

from typing import Any

import torch
from golden_file import GoldenFile
from torch import Tensor
from torch.nn.functional import cosine_similarity

from egoexobench_plugins.clip_text.model import resize_positions
from egoexobench_plugins.distilbert_text.model import (
    DistilBertTextConfig,
    DistilBertTextEncoder,
    remap_distilbert_keys,
)
from egoexobench_plugins.timesformer.checkpoint import load_pretrained, remap_timesformer_keys
from egoexobench_plugins.timesformer.encoder import TimeSformerEncoder
from egoexobench_plugins.timesformer.model import inflate_temporal_embed
from egoexobench_plugins.timesformer.systems import SYSTEMS, TimeSformerConfig

INHERITED = ("norm_eps", "activation", "patch_conv_bias", "ln_pre")
"""Entries of the video tower that are outside its own configuration."""


def get_space_time_config(config: Any, *, stretch: bool = False) -> TimeSformerConfig:
    """The video tower's configuration from that of a golden file."""
    return TimeSformerConfig(
        image=config["image_size"],
        patch=config["patch_size"],
        width=config["dim"],
        depth=config["depth"],
        heads=config["heads"],
        frames=config["num_frames"],
        ln_pre=config["ln_pre"],
        patch_bias=config["patch_conv_bias"],
        activation=config["activation"],
        gated=config.get("tanh_gating", False),
        stretch=stretch,
        mlp_ratio=config.get("mlp_ratio", 4.0),
        eps=config.get("norm_eps_blocks_and_final", config.get("norm_eps")),
        pre_eps=config.get("ln_pre_eps", 1e-5),
    )


def _build_video_encoder(golden: GoldenFile) -> TimeSformerEncoder:
    config = golden.config
    model_config = get_space_time_config(config["video"] | {key: config[key] for key in INHERITED})
    system = SYSTEMS[golden.metadata["system"]]
    encoder = TimeSformerEncoder(
        model_config, system, output="cls", project=config["projection_dim"], trained=False
    )
    load_pretrained(encoder, golden.state, system.inflate, golden.name)
    return encoder


def _build_text_encoder(golden: GoldenFile) -> DistilBertTextEncoder:
    text = golden.config["text"]
    assert text["activation"] == "gelu"
    model_config = DistilBertTextConfig(
        width=text["dim"],
        depth=text["n_layers"],
        heads=text["n_heads"],
        hidden=text["hidden_dim"],
        context=text["max_position_embeddings"],
        project=golden.config["projection_dim"],
        vocabulary=text["vocab_size"],
        eps=text["ln_eps"],
    )
    encoder = DistilBertTextEncoder(model_config, None, head="relu", output="cls", trained=False)
    encoder.load_pretrained(golden.state, golden.name)
    return encoder


@torch.inference_mode()
def compute_dual_encoder(golden: GoldenFile) -> dict[str, Tensor]:
    """Both towers; the score is the cosine of their embeddings."""
    video, text = _build_video_encoder(golden), _build_text_encoder(golden)
    used_keys = [
        *remap_timesformer_keys(golden.state),
        *remap_distilbert_keys(golden.state),
    ]
    assert sorted(used_keys) == sorted(golden.state), "a weight is unused or used twice"
    clips = golden.get_inputs("video")
    outputs = {f"video_embed{case}": video.embed(clip) for case, clip in clips.items()}
    outputs["video_cls"] = video.visual(golden.inputs["video"])[:, 0]
    tokens, mask = golden.inputs["input_ids"], golden.inputs["attention_mask"].bool()
    states = text.compute_states(tokens, mask)
    outputs["text_cls"] = states[:, 0]
    outputs["text_embed"] = text.encode(tokens, mask).values[:, 0]
    pairs = outputs["text_embed"][:, None], outputs["video_embed"][None]
    outputs["similarity"] = cosine_similarity(*pairs, dim=-1)
    if "text_token_embeds" in golden.expected:  # EgoVLP alone has these two calls
        outputs["text_token_embeds"] = text.project(states)
        outputs["video_only"] = video.embed(golden.inputs["video"])
    return outputs


RULES = {
    ("egovlp", "bilinear"): "aligned",
    ("egoexo", "onthefly"): "bilinear",
}


def inflate_tables(golden: GoldenFile) -> dict[str, Tensor]:
    """Temporal tables by each system's rule, and EgoInstructor's positional one of texts."""
    outputs = {}
    for output in golden.expected:
        system, rule, *frames = output.split(".")
        if rule == "text_pos":
            outputs[output] = resize_positions(
                golden.inputs["text_pos"], golden.config["text_pos_len"]
            )
            continue
        published = RULES.get((system, rule), {"interp": "nearest"}.get(rule, rule))
        outputs[output] = inflate_temporal_embed(
            golden.inputs["temporal_embed"], int(frames[0]), published
        )
    return outputs
