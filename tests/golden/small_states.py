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
from egoexobench_plugins.viclip import model as vi
from egoexobench_plugins.viclip import viclip, viclip_text
from egoexobench_plugins.videomae import videomae

VIDEOMAE = {
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
class Small:
    """An encoder's factory, options that make it small, and how its state is published."""

    make: Callable[..., Any]
    options: Mapping[str, Any]
    published: Callable[[Any], dict[str, Tensor]]


def _prefixed(prefix: str, module: str) -> Callable[[Any], dict[str, Tensor]]:
    def published(encoder: nn.Module) -> dict[str, Tensor]:
        inside = encoder.get_submodule(module) if module else encoder
        return {f"{prefix}{key}": one for key, one in inside.state_dict().items()}

    return published


def _videomae(tower: nn.Module, prefix: str) -> dict[str, Tensor]:
    own, state = tower.state_dict(), {}
    for key, one in own.items():
        if ".attention.attention." in key and key.endswith("weight"):
            continue
        name = key
        for theirs, published in VIDEOMAE.items():
            name = name.replace(theirs, published)
        state[prefix + name.replace("layernorm.", "norm.")] = one
    for i in range(tower.config.num_hidden_layers):
        inside = f"encoder.layer.{i}.attention.attention"
        parts = [own[f"{inside}.{part}.weight"] for part in ("query", "key", "value")]
        state[f"{prefix}blocks.{i}.attn.qkv.weight"] = torch.cat(parts)
    return state


def _classifier(encoder: Any) -> dict[str, Tensor]:
    norm = encoder.model.fc_norm
    head = {"fc_norm.weight": norm.weight.detach(), "fc_norm.bias": norm.bias.detach()}
    return _videomae(encoder.model.videomae, "") | head


def _ego(encoder: Any) -> dict[str, Tensor]:
    projection = encoder.model.projection.weight.detach().T.contiguous()
    return _videomae(encoder.model.visual, "visual.") | {"image_projection": projection}


def _both(tower: str, own: str) -> Callable[[Any], dict[str, Tensor]]:
    """ViCLIP's checkpoint, with the weights of one encoder in its place."""

    def published(encoder: Any) -> dict[str, Tensor]:
        whole = vi.ViCLIP(vi.SIZES["tiny"]).state_dict()
        return whole | _prefixed(f"{own}.", tower)(encoder)

    return published


def _multimodal(encoder: Any) -> dict[str, Tensor]:
    whole = internvideo_mm.Whole(encoder.model.shape).state_dict()
    whole |= _prefixed("exo.", "model")(encoder)
    named = {k.removeprefix("exo.").removeprefix("text."): one for k, one in whole.items()}
    return {key.replace(".ln_1_kv.", ".ln_3."): one for key, one in named.items()}


SMALL = {
    "timesformer": Small(
        timesformer,
        {"image": 32, "patch": 8, "width": 32, "depth": 1, "heads": 2},
        _prefixed("", ""),
    ),
    "clip-text": Small(
        clip_text,
        {"width": 16, "heads": 2, "depth": 1, "project": 8},
        _prefixed("", "tower"),
    ),
    "beats": Small(beats, {"size": "tiny"}, _prefixed("", "model")),
    "clap": Small(clap, {"size": "tiny"}, _prefixed("audio_model.", "model")),
    "viclip": Small(viclip, {"size": "tiny"}, _both("tower", "vision_encoder")),
    "viclip-text": Small(viclip_text, {"size": "tiny"}, _both("tower", "text_encoder")),
    "videomae": Small(videomae, {"size": "tiny", "frames": 4}, _classifier),
    "internimage": Small(internimage, {"size": "tiny"}, _prefixed("", "model")),
    "egoinstructor-ego": Small(egoinstructor_ego, {"size": "tiny", "frames": 4}, _ego),
    "internvideo1-mm": Small(internvideo1_mm, {"size": "tiny", "frames": 4}, _multimodal),
}
"""Without DistilBERT's, which needs its vocabulary; its own test does the same."""
