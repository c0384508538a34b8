"""Frozen-in-Time and EgoVLP: the space-time transformer, DistilBERT and their projections."""

from typing import Any

import torch
from golden_file import Golden
from torch import Tensor
from torch.nn.functional import cosine_similarity

from egoexobench_plugins.clip_text.model import resized
from egoexobench_plugins.distilbert_text import model as distilbert
from egoexobench_plugins.timesformer.checkpoint import fit, names
from egoexobench_plugins.timesformer.encoder import TimeSformer
from egoexobench_plugins.timesformer.model import inflated
from egoexobench_plugins.timesformer.systems import SYSTEMS, Shape

INHERITED = ("norm_eps", "activation", "patch_conv_bias", "ln_pre")
"""Entries that stand beside the video tower's and not in them."""


def space_time(config: Any, *, stretch: bool = False) -> Shape:
    """The tower's shape in the words of a file."""
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


def _video(golden: Golden) -> TimeSformer:
    config = golden.config
    shape = space_time(config["video"] | {key: config[key] for key in INHERITED})
    system = SYSTEMS[golden.about["system"]]
    encoder = TimeSformer(shape, system, "cls", config["projection_dim"], False)
    fit(encoder, golden.state, system.inflate, golden.name)
    return encoder


def _text(golden: Golden) -> distilbert.DistilBertText:
    text = golden.config["text"]
    assert text["activation"] == "gelu"
    shape = distilbert.Shape(
        text["dim"],
        text["n_layers"],
        text["n_heads"],
        text["hidden_dim"],
        text["max_position_embeddings"],
        golden.config["projection_dim"],
        text["vocab_size"],
        text["ln_eps"],
    )
    encoder = distilbert.DistilBertText(shape, None, "relu", "cls", False)
    encoder.fit(golden.state, golden.name)
    return encoder


@torch.inference_mode()
def dual(golden: Golden) -> dict[str, Tensor]:
    """Both towers; the score is the cosine of their embeddings."""
    video, text = _video(golden), _text(golden)
    taken = [*names(golden.state), *distilbert.names(golden.state)]
    assert sorted(taken) == sorted(golden.state), "a weight is left or taken twice"
    found = {f"video_embed{k}": video.embed(clip) for k, clip in golden.inputs("video").items()}
    found["video_cls"] = video.visual(golden.given["video"])[:, 0]
    tokens, mask = golden.given["input_ids"], golden.given["attention_mask"].bool()
    states = text.states(tokens, mask)
    found["text_cls"] = states[:, 0]
    found["text_embed"] = text.encode(tokens, mask).values[:, 0]
    pairs = found["text_embed"][:, None], found["video_embed"][None]
    found["similarity"] = cosine_similarity(*pairs, dim=-1)
    if "text_token_embeds" in golden.wanted:  # EgoVLP alone has these two calls
        found["text_token_embeds"] = text.project(states)
        found["video_only"] = video.embed(golden.given["video"])
    return found


RULES = {
    ("egovlp", "bilinear"): "aligned",
    ("egoexo", "onthefly"): "bilinear",
}


def tables(golden: Golden) -> dict[str, Tensor]:
    """Temporal tables by each system's rule, and EgoInstructor's positional one of texts."""
    found = {}
    for output in golden.wanted:
        system, rule, *frames = output.split(".")
        if rule == "text_pos":
            found[output] = resized(golden.given["text_pos"], golden.config["text_pos_len"])
            continue
        chosen = RULES.get((system, rule), {"interp": "nearest"}.get(rule, rule))
        found[output] = inflated(golden.given["temporal_embed"], int(frames[0]), chosen)
    return found
