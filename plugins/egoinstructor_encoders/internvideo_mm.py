"""InternVideo1-MM: CLIP on each frame, and extractors across frames; blocks are open_clip's.

OpenGVLab/InternVideo 3965eef, InternVideo1/Pretrain/Multi-Modalities-Pretraining.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, final

import torch
from torch import Tensor, nn

from egoexobench.toolbox.checkpoint import load_state_dict_strict, read_state_dict


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of both towers; ``taps`` are the blocks that an extractor reads."""

    width: int
    layers: int
    heads: int
    taps: tuple[int, ...]
    text_width: int
    text_layers: int
    text_heads: int
    out: int
    image: int = 224
    patch: int = 14
    frames: int = 8
    context: int = 77
    vocabulary: int = 49_408
    eps: float = 1e-5
    """Of every norm."""


SIZES = {
    "large": Shape(1024, 24, 16, (20, 21, 22, 23), 768, 12, 12, out=768),
    "tiny": Shape(32, 3, 4, (1, 2), 32, 2, 1, out=24, image=32, patch=16),
}


def sized(shape: Shape, frames: int) -> Shape:
    """Return the shape with another number of frames."""
    return replace(shape, frames=frames)


@final
class Exo(nn.Module):
    """The video side: the tower, its norm and its projection."""

    NAME = "internvideo1-mm"

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.dim = shape.out
        self.visual = Visual(shape)
        self.visual_ln_post = nn.LayerNorm(shape.width, shape.eps)
        self.visual_proj = nn.Parameter(shape.width**-0.5 * torch.randn(shape.width, shape.out))

    def forward(self, video: Tensor, output: Literal["clip", "frames", "patches"]) -> Tensor:
        """Normalised frames to tokens ``(B, ?, out)``: 1, or one a frame."""
        return self.clip(video)[:, None] if output == "clip" else self.frames(video)

    def clip(self, video: Tensor) -> Tensor:
        """Normalised frames ``(B, T, 3, H, W)`` to the published embedding ``(B, out)``."""
        return self._projected(self.visual(video))

    def frames(self, video: Tensor) -> Tensor:
        """Normalised frames to one token a frame, ``(B, T, out)``."""
        joint, own = self.visual.parts(video)
        return self._projected(joint[:, None] + own)

    def _projected(self, features: Tensor) -> Tensor:
        embedding: Tensor = self.visual_ln_post(features) @ self.visual_proj
        return embedding


@final
class Whole(nn.Module):
    """Both towers, as one checkpoint holds them."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.exo = Exo(shape)
        self.text = _text(shape)
        self.text_mask_embedding = nn.Parameter(torch.zeros(1, 1, shape.text_width))
        self.logit_scale = nn.Parameter(torch.tensor(1 / 0.07).log())


@final
class Visual(nn.Module):
    """The video tower."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width, places = shape.width, (shape.image // shape.patch) ** 2
        size = (1, shape.patch, shape.patch)
        scale = width**-0.5
        self.conv1 = nn.Conv3d(3, width, size, size, bias=False)
        self.class_embedding = nn.Parameter(scale * torch.randn(width))
        self.positional_embedding = nn.Parameter(scale * torch.randn(1 + places, width))
        self.ln_pre = nn.LayerNorm(width, shape.eps)
        self.transformer = Blocks(shape)

    def forward(self, video: Tensor) -> Tensor:
        """Normalised frames ``(B, T, 3, H, W)`` to the feature ``(B, width)`` before the norm."""
        joint, own = self.parts(video)
        return joint + own.mean(1)

    def parts(self, video: Tensor) -> tuple[Tensor, Tensor]:
        """The feature's two summands: of all frames ``(B, width)``, of each ``(B, T, width)``."""
        batch, frames = video.shape[:2]
        patches = self.conv1(video.transpose(1, 2)).flatten(3).permute(0, 2, 3, 1)  # (B, T, N, D)
        first = self.class_embedding.expand(batch, frames, 1, -1)
        tokens = torch.cat([first, patches], 2) + self.positional_embedding
        joint, last = self.transformer(self.ln_pre(tokens))
        weight = self.transformer.balance.sigmoid()
        return (1 - weight) * joint, weight * last


@final
class Blocks(nn.Module):
    """CLIP's blocks on each frame; extractors gather what some of them give in one token."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        from open_clip.transformer import LayerNorm, QuickGELU, ResidualAttentionBlock

        width = shape.width
        norm = partial(LayerNorm, eps=shape.eps)
        block = partial(
            ResidualAttentionBlock, width, shape.heads, act_layer=QuickGELU, norm_layer=norm
        )
        self.taps = shape.taps
        self.grid = shape.image // shape.patch
        self.resblocks = nn.ModuleList(block() for _ in range(shape.layers))
        self.temporal_cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.dpe = nn.ModuleList(
            nn.Conv3d(width, width, 3, padding=1, groups=width) for _ in shape.taps
        )
        self.dec = nn.ModuleList(block(is_cross_attention=True) for _ in shape.taps)
        self.balance = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens ``(B, T, 1 + N, D)`` to the gathered ``(B, D)`` and class tokens ``(B, T, D)``."""
        batch, frames, count, width = x.shape
        token = self.temporal_cls_token.expand(batch, 1, -1)
        for i, block in enumerate(self.resblocks):
            x = block(x.view(-1, count, width)).view(batch, frames, count, width)
            if i in self.taps:
                level = self.taps.index(i)
                context = self._placed(x, level).flatten(1, 2)
                token = self.dec[level](token, context, context)
        return token[:, 0], x[:, :, 0]

    def _placed(self, x: Tensor, level: int) -> Tensor:
        """Add to each patch what a convolution over its neighbours in space and time gives."""
        batch, frames, _, width = x.shape
        patches = x[:, :, 1:].permute(0, 3, 1, 2)  # (B, D, T, N)
        volume = patches.reshape(batch, width, frames, self.grid, self.grid)
        near = self.dpe[level](volume).flatten(3).permute(0, 2, 3, 1)
        return torch.cat([x[:, :, :1], x[:, :, 1:] + near], 2)


def load(shape: Shape, path: Path | None) -> Exo:
    """Return the video side with the weights of a checkpoint, or random ones.

    Raises:
        DataError: for a checkpoint that is not of this shape.
    """
    return Exo(shape) if path is None else fit(shape, read_state_dict(path), str(path)).exo


def fit(shape: Shape, published: Mapping[str, Tensor], source: str) -> Whole:
    """Return both towers with a published state.

    Where some names start with ``clip.``, the others belong to the training objective and are left
    out, as the release does.

    Raises:
        DataError: naming what is missing, unexpected or of another size.
    """
    inside = {k.removeprefix("clip."): one for k, one in published.items() if k[:5] == "clip."}
    named = {_name(key): one for key, one in (inside or published).items()}
    model = Whole(shape)
    load_state_dict_strict(model, named, f"internvideo1-mm ({source})")
    return model


def _name(key: str) -> str:
    if key.startswith("visual"):
        return "exo." + key.replace(".ln_3.", ".ln_1_kv.")  # the extractors' norm of keys
    return key if key in ("logit_scale", "text_mask_embedding") else f"text.{key}"


def _text(shape: Shape) -> Any:
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
    )
