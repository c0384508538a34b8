"""ViCLIP under its published parameter names; blocks and text tower are open_clip's.

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
class Shape:
    """Sizes of both towers; head counts stand in no checkpoint."""

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
    """Of every norm."""


SIZES = {
    "base": Shape(768, 12, 12, 512, 12, 8, out=512),
    "large": Shape(1024, 24, 16, 768, 12, 12, out=768, patch=14),
    "tiny": Shape(32, 2, 4, 32, 2, 4, out=24, image=32),
}


def sized(size: str, frames: int) -> Shape:
    """Return the sizes of that name, with that many rows in the temporal table."""
    return replace(SIZES[size], frames=frames)


@final
class ViCLIP(nn.Module):
    """Both towers, and the temperature that similarities are divided by."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.temp = nn.Parameter(torch.tensor(0.01))
        self.vision_encoder = Vision(shape)
        self.text_encoder = text_tower(shape)


@final
class Vision(nn.Module):
    """The video tower."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        from open_clip.transformer import LayerNorm, QuickGELU, Transformer

        self.shape = shape
        norm = partial(LayerNorm, eps=shape.eps)
        width, places = shape.width, (shape.image // shape.patch) ** 2
        size = (1, shape.patch, shape.patch)
        self.conv1 = nn.Conv3d(3, width, size, size, bias=False)
        scale = width**-0.5
        self.class_embedding = nn.Parameter(scale * torch.randn(width))
        self.positional_embedding = nn.Parameter(scale * torch.randn(1 + places, width))
        self.temporal_positional_embedding = nn.Parameter(torch.zeros(1, shape.frames, width))
        self.ln_pre = norm(width)
        self.transformer = Transformer(
            width, shape.layers, shape.heads, act_layer=QuickGELU, norm_layer=norm
        )
        self.ln_post = norm(width)
        self.proj = nn.Parameter(scale * torch.randn(width, shape.out))

    def forward(self, video: Tensor) -> Tensor:
        """Normalised frames ``(B, T, 3, H, W)`` to the published embedding ``(B, out)``."""
        return self.projected(video)[0]

    def projected(self, video: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding ``(B, out)`` and patches ``(B, T, places, out)``, normed and projected alike.

        Raises:
            DataError: for a number of frames that is neither 1 nor that of the temporal table.
        """
        batch, frames = video.shape[:2]
        patches = self.conv1(video.transpose(1, 2)).flatten(3).permute(0, 3, 2, 1)  # (B, N, T, D)
        patches = patches + self.positional_embedding[1:, None] + self._when(frames)
        first = (self.class_embedding + self.positional_embedding[0]).expand(batch, 1, -1)
        # patches of one place stand together, frame after frame, as published
        tokens = self.ln_pre(torch.cat([first, patches.flatten(1, 2)], 1))
        out: Tensor = self.ln_post(self.transformer(tokens)) @ self.proj
        return out[:, 0], out[:, 1:].view(batch, -1, frames, out.shape[2]).transpose(1, 2)

    def _when(self, frames: int) -> Tensor:
        table = self.temporal_positional_embedding
        if frames == table.shape[1]:
            return table
        if frames == 1:
            return table.mean(1, keepdim=True)
        raise DataError(
            f"viclip: a clip has {frames} frames and the network takes {table.shape[1]} or 1; "
            f"set frames={table.shape[1]} for the method"
        )


def text_tower(shape: Shape) -> Any:
    """Return open_clip's text tower, whose parameter names are the published ones."""
    from open_clip.transformer import LayerNorm, QuickGELU, TextTransformer

    return TextTransformer(
        context_length=shape.context,
        vocab_size=shape.vocabulary,
        width=shape.text_width,
        heads=shape.text_heads,
        layers=shape.text_layers,
        output_dim=shape.out,
        act_layer=QuickGELU,
        norm_layer=partial(LayerNorm, eps=shape.eps),
        output_tokens=True,
    )


def vision(shape: Shape, weights: Path | None) -> Vision:
    """Return the video tower with the weights of a checkpoint, or random ones.

    Raises:
        DataError: for a checkpoint that is not of this shape.
    """
    return Vision(shape) if weights is None else _load(shape, weights).vision_encoder


def text(shape: Shape, weights: Path | None) -> Any:
    """Return the text tower likewise.

    Raises:
        DataError: as `vision`.
    """
    return text_tower(shape) if weights is None else _load(shape, weights).text_encoder


def _load(shape: Shape, path: Path) -> ViCLIP:
    model = ViCLIP(shape)
    load_state_dict_strict(model, read_state_dict(path), f"viclip ({path})")
    return model
