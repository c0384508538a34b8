"""InternVideo1-MM: CLIP on each frame, and extractors across frames, from open_clip's blocks.

OpenGVLab/InternVideo 3965eef, InternVideo1/Pretrain/Multi-Modalities-Pretraining.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, final

import torch
from torch import Tensor, nn

from egoexobench.toolbox.checkpoint import load_state_dict_strict, read_state_dict


@dataclass(frozen=True, slots=True)
class InternVideoMMConfig:
    """Sizes of both towers; ``taps`` are the indices of the blocks that an extractor reads."""

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
    """Epsilon of every norm."""


SIZES = {
    "large": InternVideoMMConfig(
        width=1024,
        layers=24,
        heads=16,
        taps=(20, 21, 22, 23),
        text_width=768,
        text_layers=12,
        text_heads=12,
        out=768,
    ),
    "tiny": InternVideoMMConfig(
        width=32,
        layers=3,
        heads=4,
        taps=(1, 2),
        text_width=32,
        text_layers=2,
        text_heads=1,
        out=24,
        image=32,
        patch=16,
    ),
}


@final
class InternVideoMMVision(nn.Module):
    """The video side: the tower, its final norm and its projection."""

    NAME = "internvideo1-mm"
    frames_per_token = 1

    def __init__(self, config: InternVideoMMConfig) -> None:
        super().__init__()
        self.config = config
        self.dim = config.out
        self.visual = VisionTower(config)
        self.visual_ln_post = nn.LayerNorm(config.width, config.eps)
        self.visual_proj = nn.Parameter(config.width**-0.5 * torch.randn(config.width, config.out))

    def forward(self, video: Tensor, output: Literal["clip", "frames", "patches"]) -> Tensor:
        """Return one token per clip or one per frame, ``(B, ?, out)``, of normalized frames."""
        return self.embed_clip(video)[:, None] if output == "clip" else self.embed_frames(video)

    def embed_clip(self, video: Tensor) -> Tensor:
        """Return the published embedding ``(B, out)`` of normalized frames ``(B, T, 3, H, W)``."""
        return self._project_features(self.visual(video))

    def embed_frames(self, video: Tensor) -> Tensor:
        """Return a token per frame, ``(B, T, out)``, of normalized frames."""
        joint, frame_features = self.visual.compute_parts(video)
        return self._project_features(joint[:, None] + frame_features)

    def _project_features(self, features: Tensor) -> Tensor:
        embedding: Tensor = self.visual_ln_post(features) @ self.visual_proj
        return embedding


@final
class InternVideoMM(nn.Module):
    """Both towers, as a checkpoint contains them."""

    def __init__(self, config: InternVideoMMConfig) -> None:
        super().__init__()
        self.vision = InternVideoMMVision(config)
        self.text = _build_text_tower(config)
        self.text_mask_embedding = nn.Parameter(torch.zeros(1, 1, config.text_width))
        self.logit_scale = nn.Parameter(torch.tensor(1 / 0.07).log())


@final
class VisionTower(nn.Module):
    """The video tower."""

    def __init__(self, config: InternVideoMMConfig) -> None:
        super().__init__()
        width, num_patches = config.width, (config.image // config.patch) ** 2
        patch_size = (1, config.patch, config.patch)
        scale = width**-0.5
        self.conv1 = nn.Conv3d(3, width, patch_size, patch_size, bias=False)
        self.class_embedding = nn.Parameter(scale * torch.randn(width))
        self.positional_embedding = nn.Parameter(scale * torch.randn(1 + num_patches, width))
        self.ln_pre = nn.LayerNorm(width, config.eps)
        self.transformer = ExtractorBlocks(config)

    def forward(self, video: Tensor) -> Tensor:
        """Return the feature ``(B, width)`` in front of the norm for frames ``(B, T, 3, H, W)``."""
        joint, frame_features = self.compute_parts(video)
        return joint + frame_features.mean(1)

    def compute_parts(self, video: Tensor) -> tuple[Tensor, Tensor]:
        """Return the summands of the feature: of the clip ``(B, D)``, of frames ``(B, T, D)``."""
        batch, frames = video.shape[:2]
        patches = self.conv1(video.transpose(1, 2)).flatten(3).permute(0, 2, 3, 1)  # (B, T, N, D)
        class_tokens = self.class_embedding.expand(batch, frames, 1, -1)
        tokens = torch.cat([class_tokens, patches], 2) + self.positional_embedding
        joint, last = self.transformer(self.ln_pre(tokens))
        weight = self.transformer.balance.sigmoid()
        return (1 - weight) * joint, weight * last


@final
class ExtractorBlocks(nn.Module):
    """CLIP's blocks on each frame; extractors gather the output of some of them in a token."""

    def __init__(self, config: InternVideoMMConfig) -> None:
        super().__init__()
        from open_clip.transformer import LayerNorm, QuickGELU, ResidualAttentionBlock

        width = config.width
        norm = partial(LayerNorm, eps=config.eps)
        block = partial(
            ResidualAttentionBlock, width, config.heads, act_layer=QuickGELU, norm_layer=norm
        )
        self.taps = config.taps
        self.grid = config.image // config.patch
        self.resblocks = nn.ModuleList(block() for _ in range(config.layers))
        self.temporal_cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.dpe = nn.ModuleList(
            nn.Conv3d(width, width, 3, padding=1, groups=width) for _ in config.taps
        )
        self.dec = nn.ModuleList(block(is_cross_attention=True) for _ in config.taps)
        self.balance = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gathered token ``(B, D)`` and the frames' class tokens ``(B, T, D)``."""
        batch, frames, num_tokens, width = x.shape
        token = self.temporal_cls_token.expand(batch, 1, -1)
        for i, block in enumerate(self.resblocks):
            x = block(x.view(-1, num_tokens, width)).view(batch, frames, num_tokens, width)
            if i in self.taps:
                level = self.taps.index(i)
                context = self._add_neighbors(x, level).flatten(1, 2)
                token = self.dec[level](token, context, context)
        return token[:, 0], x[:, :, 0]

    def _add_neighbors(self, x: Tensor, level: int) -> Tensor:
        """Add to each patch a convolution over its neighbors in space and time."""
        batch, frames, _, width = x.shape
        patches = x[:, :, 1:].permute(0, 3, 1, 2)  # (B, D, T, N)
        volume = patches.reshape(batch, width, frames, self.grid, self.grid)
        neighbors = self.dpe[level](volume).flatten(3).permute(0, 2, 3, 1)
        return torch.cat([x[:, :, :1], x[:, :, 1:] + neighbors], 2)


def load_internvideo_mm(config: InternVideoMMConfig, path: Path | None) -> InternVideoMMVision:
    """Return the video side with the weights of a checkpoint; without a path they are random.

    Raises:
        DataError: if the checkpoint has other sizes.
    """
    if path is None:
        return InternVideoMMVision(config)
    return build_internvideo_mm(config, read_state_dict(path), str(path)).vision


def build_internvideo_mm(
    config: InternVideoMMConfig, published: Mapping[str, Tensor], source: str
) -> InternVideoMM:
    """Return both towers with a published state.

    If some keys start with ``clip.``, the other keys belong to the training objective and are
    ignored, as in the release.

    Raises:
        DataError: if weights are missing, unexpected or of another size.
    """
    clip_state = {
        key.removeprefix("clip."): weight
        for key, weight in published.items()
        if key.startswith("clip.")
    }
    state = {_remap_key(key): weight for key, weight in (clip_state or published).items()}
    model = InternVideoMM(config)
    load_state_dict_strict(model, state, f"internvideo1-mm ({source})")
    return model


def _remap_key(key: str) -> str:
    if key.startswith("visual"):
        return "vision." + key.replace(".ln_3.", ".ln_1_kv.")  # the extractors' norm of keys
    return key if key in ("logit_scale", "text_mask_embedding") else f"text.{key}"


def _build_text_tower(config: InternVideoMMConfig) -> Any:
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
    )
