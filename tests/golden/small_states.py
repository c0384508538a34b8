"""Small random checkpoints of every encoder, under the names that its authors publish."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from egoexobench_plugins.beats import beats
from egoexobench_plugins.clap import clap
from egoexobench_plugins.clip_text import clip_text
from egoexobench_plugins.egoinstructor_encoders import (
    egoinstructor_ego,
    internvideo1_mm,
    internvideo_mm,
)
from egoexobench_plugins.internimage import internimage
from egoexobench_plugins.timesformer import timesformer
from egoexobench_plugins.viclip import viclip, viclip_text
from egoexobench_plugins.viclip.model import SIZES, ViCLIP
from egoexobench_plugins.videomae import videomae

VIDEOMAE_NAMES = {
    "embeddings.patch_embeddings.projection.": "patch_embed.proj.",
    "encoder.layer.": "blocks.",
    "layernorm_before.": "norm1.",
    "layernorm_after.": "norm2.",
    "attention.output.dense.": "attn.proj.",
    "intermediate.dense.": "mlp.fc1.",
    "output.dense.": "mlp.fc2.",
    "attention.attention.query.bias": "attn.q_bias",
    "attention.attention.value.bias": "attn.v_bias",
}


@dataclass(frozen=True)
class SmallEncoder:
    """An encoder's factory, options that make it small, and how its state is published."""

    make: Callable[..., Any]
    options: Mapping[str, Any]
    publish: Callable[[Any], dict[str, Tensor]]


def _make_publisher(prefix: str, module: str) -> Callable[[Any], dict[str, Tensor]]:
    def publish(encoder: nn.Module) -> dict[str, Tensor]:
        submodule = encoder.get_submodule(module) if module else encoder
        return {f"{prefix}{key}": value for key, value in submodule.state_dict().items()}

    return publish


def _publish_videomae(tower: nn.Module, prefix: str) -> dict[str, Tensor]:
    own_state, state = tower.state_dict(), {}
    for key, value in own_state.items():
        if ".attention.attention." in key and key.endswith("weight"):
            continue
        name = key
        for theirs, published in VIDEOMAE_NAMES.items():
            name = name.replace(theirs, published)
        state[prefix + name.replace("layernorm.", "norm.")] = value
    for i in range(tower.config.num_hidden_layers):
        path = f"encoder.layer.{i}.attention.attention"
        parts = [own_state[f"{path}.{part}.weight"] for part in ("query", "key", "value")]
        state[f"{prefix}blocks.{i}.attn.qkv.weight"] = torch.cat(parts)
    return state


def _publish_classifier(encoder: Any) -> dict[str, Tensor]:
    norm = encoder.model.fc_norm
    head = {"fc_norm.weight": norm.weight.detach(), "fc_norm.bias": norm.bias.detach()}
    return _publish_videomae(encoder.model.videomae, "") | head


def _publish_ego(encoder: Any) -> dict[str, Tensor]:
    projection = encoder.model.projection.weight.detach().T.contiguous()
    return _publish_videomae(encoder.model.visual, "visual.") | {"image_projection": projection}


def _publish_viclip(tower: str, own_prefix: str) -> Callable[[Any], dict[str, Tensor]]:
    """ViCLIP's checkpoint, with the weights of one encoder in its place."""

    def publish(encoder: Any) -> dict[str, Tensor]:
        state = ViCLIP(SIZES["tiny"]).state_dict()
        return state | _make_publisher(f"{own_prefix}.", tower)(encoder)

    return publish


def _publish_multimodal(encoder: Any) -> dict[str, Tensor]:
    state = internvideo_mm.InternVideoMM(encoder.model.config).state_dict()
    state |= _make_publisher("vision.", "model")(encoder)
    remapped = {
        k.removeprefix("vision.").removeprefix("text."): value for k, value in state.items()
    }
    return {key.replace(".ln_1_kv.", ".ln_3."): value for key, value in remapped.items()}


SMALL_ENCODERS = {
    "timesformer": SmallEncoder(
        timesformer,
        {"image": 32, "patch": 8, "width": 32, "depth": 1, "heads": 2},
        _make_publisher("", ""),
    ),
    "clip-text": SmallEncoder(
        clip_text,
        {"width": 16, "heads": 2, "depth": 1, "project": 8},
        _make_publisher("", "tower"),
    ),
    "beats": SmallEncoder(beats, {"size": "tiny"}, _make_publisher("", "model")),
    "clap": SmallEncoder(clap, {"size": "tiny"}, _make_publisher("audio_model.", "model")),
    "viclip": SmallEncoder(viclip, {"size": "tiny"}, _publish_viclip("tower", "vision_encoder")),
    "viclip-text": SmallEncoder(
        viclip_text, {"size": "tiny"}, _publish_viclip("tower", "text_encoder")
    ),
    "videomae": SmallEncoder(videomae, {"size": "tiny", "frames": 4}, _publish_classifier),
    "internimage": SmallEncoder(internimage, {"size": "tiny"}, _make_publisher("", "model")),
    "egoinstructor-ego": SmallEncoder(
        egoinstructor_ego, {"size": "tiny", "frames": 4}, _publish_ego
    ),
    "internvideo1-mm": SmallEncoder(
        internvideo1_mm, {"size": "tiny", "frames": 4}, _publish_multimodal
    ),
}
"""Without DistilBERT's, which needs its vocabulary; its own test does the same."""
