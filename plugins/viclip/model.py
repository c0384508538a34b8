"""ViCLIP with its published parameter names; blocks and text tower are open_clip's.

OpenGVLab/InternVideo 3965eef, InternVideo1/Pretrain/ViCLIP: viclip.py, viclip_vision.py,
viclip_text.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn

from egoexobench.errors import DataError
from egoexobench.toolbox.checkpoint import load_state_dict_strict, read_state_dict


@dataclass(frozen=True, slots=True)
class ViCLIPConfig:
    """Sizes of both towers; a checkpoint does not contain the numbers of heads."""

    width: int
    layers: int
    heads: int
    text_width: int
    text_layers: int
    text_heads: int
    out: int
    image: int = 224
    patch: int = 16
    frames: int = 8
    context: int = 32
    vocabulary: int = 49_408
    eps: float = 1e-5
    """Epsilon of every norm."""


SIZES = {
    "base": ViCLIPConfig(
        width=768, layers=12, heads=12, text_width=512, text_layers=12, text_heads=8, out=512
    ),
    "large": ViCLIPConfig(
        width=1024,
        layers=24,
        heads=16,
        text_width=768,
        text_layers=12,
        text_heads=12,
        out=768,
        patch=14,
    ),
    "tiny": ViCLIPConfig(
        width=32, layers=2, heads=4, text_width=32, text_layers=2, text_heads=4, out=24, image=32
    ),
}


def get_config(size: str, frames: int) -> ViCLIPConfig:
    """Return the named sizes with ``frames`` rows in the temporal table."""
    return replace(SIZES[size], frames=frames)


@final
class ViCLIP(nn.Module):
    """Both towers, and the temperature that divides similarities."""

    def __init__(self, config: ViCLIPConfig) -> None:
        super().__init__()
        self.temp = nn.Parameter(torch.tensor(0.01))
        self.vision_encoder = ViCLIPVisionTower(config)
        self.text_encoder = build_text_tower(config)


@final
class ViCLIPVisionTower(nn.Module):
    """The video tower."""

    def __init__(self, config: ViCLIPConfig) -> None:
        super().__init__()
        from open_clip.transformer import LayerNorm, QuickGELU, Transformer

        self.config = config
        norm = partial(LayerNorm, eps=config.eps)
        width, num_patches = config.width, (config.image // config.patch) ** 2
        patch_size = (1, config.patch, config.patch)
        self.conv1 = nn.Conv3d(3, width, patch_size, patch_size, bias=False)
        scale = width**-0.5
        self.class_embedding = nn.Parameter(scale * torch.randn(width))
        self.positional_embedding = nn.Parameter(scale * torch.randn(1 + num_patches, width))
        self.temporal_positional_embedding = nn.Parameter(torch.zeros(1, config.frames, width))
        self.ln_pre = norm(width)
        self.transformer = Transformer(
            width, config.layers, config.heads, act_layer=QuickGELU, norm_layer=norm
        )
        self.ln_post = norm(width)
        self.proj = nn.Parameter(scale * torch.randn(width, config.out))

    def forward(self, video: Tensor) -> Tensor:
        """Return the published embedding ``(B, out)`` of normalized frames ``(B, T, 3, H, W)``."""
        return self.embed_video(video)[0]

    def embed_video(self, video: Tensor) -> tuple[Tensor, Tensor]:
        """Return the embedding ``(B, out)`` and the patches ``(B, T, N, out)``.

        Both pass the same norm and projection.

        Raises:
            DataError: if the number of frames is neither 1 nor that of the temporal table.
        """
        batch, frames = video.shape[:2]
        patches = self.conv1(video.transpose(1, 2)).flatten(3).permute(0, 3, 2, 1)  # (B, N, T, D)
        patches = patches + self.positional_embedding[1:, None] + self._get_temporal_embed(frames)
        class_token = (self.class_embedding + self.positional_embedding[0]).expand(batch, 1, -1)
        # all frames of a position follow each other, as published
        tokens = self.ln_pre(torch.cat([class_token, patches.flatten(1, 2)], 1))
        out: Tensor = self.ln_post(self.transformer(tokens)) @ self.proj
        return out[:, 0], out[:, 1:].view(batch, -1, frames, out.shape[2]).transpose(1, 2)

    def _get_temporal_embed(self, frames: int) -> Tensor:
        table = self.temporal_positional_embedding
        if frames == table.shape[1]:
            return table
        if frames == 1:
            return table.mean(1, keepdim=True)
        raise DataError(
            f"viclip: a clip has {frames} frames and the network takes {table.shape[1]} or 1; "
            f"set frames={table.shape[1]} for the method"
        )


def build_text_tower(config: ViCLIPConfig) -> Any:
    """Return open_clip's text tower; its parameters have the published names."""
    from open_clip.transformer import LayerNorm, QuickGELU, TextTransformer

    return TextTransformer(
        context_length=config.context,
        vocab_size=config.vocabulary,
        width=config.text_width,
        heads=config.text_heads,
        layers=config.text_layers,
        output_dim=config.out,
        act_layer=QuickGELU,
        norm_layer=partial(LayerNorm, eps=config.eps),
        output_tokens=True,
    )


def load_vision_tower(config: ViCLIPConfig, weights: Path | None) -> ViCLIPVisionTower:
    """Return the video tower with the weights of a checkpoint; without a path they are random.

    Raises:
        DataError: if the checkpoint has other sizes.
    """
    if weights is None:
        return ViCLIPVisionTower(config)
    return _load_viclip(config, weights).vision_encoder


def load_text_tower(config: ViCLIPConfig, weights: Path | None) -> Any:
    """Return the text tower with the weights of a checkpoint; without a path they are random.

    Raises:
        DataError: if the checkpoint has other sizes.
    """
    if weights is None:
        return build_text_tower(config)
    return _load_viclip(config, weights).text_encoder


def _load_viclip(config: ViCLIPConfig, path: Path) -> ViCLIP:
    model = ViCLIP(config)
    load_state_dict_strict(model, read_state_dict(path), f"viclip ({path})")
    return model
