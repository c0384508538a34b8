"""SoundBridge as released: four parts, each with its share of one checkpoint."""

import math
from collections.abc import Callable
from functools import partial

import torch
from clip_cases import build_text_tower, build_video_tower
from golden_file import GoldenFile
from torch import Tensor
from torch.nn.functional import normalize

from egoexobench.toolbox.checkpoint import load_state_dict_strict
from egoexobench.types import Tokens
from egoexobench_plugins.clip_text.model import remap_clip_text_keys
from egoexobench_plugins.info_nce import info_nce
from egoexobench_plugins.soundbridge_released.model import (
    ReleasedHeadConfig,
    TextFusion,
    VideoFusion,
    remap_head_keys,
)
from egoexobench_plugins.timesformer.checkpoint import remap_timesformer_keys


class ReleasedParts:
    """The four parts; every key is used once."""

    def __init__(self, golden: GoldenFile) -> None:
        config, state = golden.config, golden.state
        self.variant = config["variant"]
        self.video, self.text = build_video_tower(golden, "egoexo"), build_text_tower(golden)
        model_config = ReleasedHeadConfig(
            width=config["embed_dim"],
            heads=config["attn_heads"],
            layer_heads=config["fusion_heads"],
            audio_dim=config["audio_dim"],
            hidden=config["fusion_ffn"],
        )
        self.reading_fusion = VideoFusion(model_config, self.variant, "embedding").eval()
        self.listening_fusion = self.reading_fusion  # the variant cha projects no sound
        if self.variant != "cha":
            self.listening_fusion = VideoFusion(model_config, self.variant, "features").eval()
        self.text_fusion = TextFusion(model_config, self.variant).eval()
        for part in (self.reading_fusion, self.listening_fusion, self.text_fusion):
            load_state_dict_strict(
                part, {k: state[k] for k in remap_head_keys(state, part.HEADS)}, golden.name
            )
        used_keys = [*remap_timesformer_keys(state), *remap_clip_text_keys(state), "logit_scale"]
        used_keys += [
            *remap_head_keys(state, VideoFusion.HEADS),
            *remap_head_keys(state, TextFusion.HEADS),
        ]
        assert sorted(used_keys) == sorted(state), "a weight is unused or used twice"

    def embed_image(self, fusion: VideoFusion, video: Tensor, query: Tokens) -> Tensor:
        return fusion(query, _to_tokens(self.video.embed(video.transpose(1, 2))))

    def embed_texts(self, tokens: Tensor, caption_tokens: Tensor) -> tuple[Tensor, Tensor]:
        caption = self.text.embed(caption_tokens)
        return self.text_fusion(_to_tokens(caption), _to_tokens(self.text.embed(tokens))), caption

    def add_released_axis(self, caption: Tensor) -> Tensor:
        """With the axis of length one that two of the variants leave, as released."""
        return caption if self.variant == "retrieval" else caption[None]


def _to_tokens(vectors: Tensor) -> Tokens:
    return Tokens(vectors[:, None], torch.ones(len(vectors), 1, dtype=torch.bool))


CALLS: dict[str, Callable[[Tensor], Tensor]] = {
    "forward": torch.clone,
    "forward_norm": partial(normalize, dim=-1),
}


@torch.inference_mode()
def compute_released(golden: GoldenFile) -> dict[str, Tensor]:
    """Training's forward pass on features, evaluation's on the caption, and the loss where it runs.

    Evaluation gives the caption's embedding to the video side.
    """
    parts, inputs = ReleasedParts(golden), golden.inputs
    audio = inputs["audio"]
    query = Tokens(audio, torch.ones(audio.shape[:2], dtype=torch.bool))
    image = parts.embed_image(parts.listening_fusion, inputs["video"], query)
    text, caption = parts.embed_texts(inputs["tokens"], inputs["caption_tokens"])
    outputs = {
        "eval.text_embed": text,
        "eval.caption_embed": parts.add_released_axis(caption),
        "eval.image_embed": parts.embed_image(
            parts.reading_fusion, inputs["video"], _to_tokens(caption)
        ),
    }
    for call, change in CALLS.items():
        outputs[f"{call}.image_embed"] = change(image)
        outputs[f"{call}.text_embed"] = change(text)
        outputs[f"{call}.audio_embed"] = parts.add_released_axis(change(caption))
        outputs[f"{call}.logit_scale"] = golden.state["logit_scale"].exp()
    losses = any(name.startswith("loss.") for name in golden.expected)
    scale = float(golden.state["logit_scale"])
    return outputs | (_compute_losses(image, text, caption, scale) if losses else {})


def _compute_losses(
    image: Tensor, text: Tensor, caption: Tensor, log_scale: float
) -> dict[str, Tensor]:
    """Of our image and text, all that is trained on; that of our caption is only logged."""
    objective = info_nce(denominator="all", symmetric=True, temperature=math.exp(-log_scale))
    image, text, caption = (normalize(vectors, dim=-1) for vectors in (image, text, caption))
    # the objective adds the loss of two views; giving both the same rows doubles it
    trained = objective(image, image, text, text, pairs=[]) / 2
    logged = objective(caption, caption, text, text, pairs=[]) / 2
    return {
        "loss.image_text": trained,
        "loss.total": trained,
        "loss.caption_text_logged_only": logged,
    }
