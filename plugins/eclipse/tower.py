"""CLIP's vision transformer with two-way blocks, under the names of the release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from egoexobench.errors import UsageError
from egoexobench.toolbox.checkpoint import load_state_dict_strict
from egoexobench.types import Tokens
from egoexobench_plugins.eclipse.blocks import TwoWayBlock

CLIP_PREFIX = "visual."
"""What the names of the vision tower begin with in a checkpoint of CLIP."""
_NEW_PARTS = ("mlp_audio.", ".vis_audio_", ".audio_vis_")


@dataclass(frozen=True, slots=True)
class TowerConfig:
    """Sizes and switches of the tower; the defaults are those of ViT-B/32."""

    image: int = 224
    patch: int = 32
    width: int = 768
    depth: int = 12
    heads: int = 12
    project: int = 512
    audio_dim: int = 512
    dual: bool = True
    reverse_norm: bool = False
    eps: float = 1e-5
    checkpointing: bool = False
    """Recompute blocks in the backward pass."""


@final
class EclipseTower(nn.Module):
    """Frames and their sounds to tokens of the frames.

    It starts as the tower of CLIP: the new parts add zeros.

    Raises:
        UsageError: for heads that do not divide the width, or a patch that does not divide the
            image.
    """

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        if config.image % config.patch:
            raise UsageError(f"image={config.image} must be a multiple of patch={config.patch}")
        self.config = config
        width, scale = config.width, config.width**-0.5
        self.conv1 = nn.Conv2d(3, width, config.patch, config.patch, bias=False)
        num_patches = (config.image // config.patch) ** 2
        self.class_embedding = nn.Parameter(scale * torch.randn(width))
        self.positional_embedding = nn.Parameter(scale * torch.randn(1 + num_patches, width))
        self.mlp_audio = nn.Linear(config.audio_dim, width)
        self.ln_pre = nn.LayerNorm(width, eps=config.eps)
        blocks = nn.ModuleList(_build_block(config) for _ in range(config.depth))
        self.transformer = nn.ModuleDict({"resblocks": blocks})
        self.ln_post = nn.LayerNorm(width, eps=config.eps)
        self.proj = nn.Parameter(scale * torch.randn(width, config.project))
        self.copy_self_attention()

    @property
    def blocks(self) -> list[TwoWayBlock]:
        """The blocks, the first one first."""
        blocks = self.transformer["resblocks"]
        return [block for block in blocks.children() if isinstance(block, TwoWayBlock)]

    def forward(self, frames: Tensor, sounds: Tokens) -> Tensor:
        """Return the projected tokens ``(N, 1 + patches, E)``, that of the class first.

        Args:
            frames: ``(N, 3, image, image)``, normalized.
            sounds: ``(N, P, audio_dim)``, the sound vectors that a frame attends to. A frame
                without any is encoded as CLIP does.
        """
        projected: Tensor = self.ln_post(self._compute_states(frames, sounds)) @ self.proj
        return projected

    def embed(self, frames: Tensor, sounds: Tokens) -> Tensor:
        """Return the projected class tokens ``(N, E)`` alone, from the same inputs."""
        states = self._compute_states(frames, sounds)[:, 0]
        embedded: Tensor = self.ln_post(states) @ self.proj
        return embedded

    def _compute_states(self, frames: Tensor, sounds: Tokens) -> Tensor:
        patches = self.conv1(frames).flatten(2).transpose(1, 2)  # (N, patches, D)
        first = self.class_embedding.expand(len(patches), 1, -1)
        values = self.ln_pre(torch.cat([first, patches], 1) + self.positional_embedding)
        video = Tokens(values, values.new_ones(values.shape[:2], dtype=torch.bool))
        sound = Tokens(self.mlp_audio(sounds.values), sounds.mask)
        for block in self.blocks:
            if self.config.checkpointing and torch.is_grad_enabled():
                video, sound = checkpoint(block, video, sound, use_reentrant=False)
            else:
                video, sound = block(video, sound)
        return video.values

    def copy_self_attention(self) -> None:
        """Start every new attention and norm as a copy of the own one of its block."""
        for block in self.blocks:
            block.copy_self_attention()

    def load_clip(self, state: Mapping[str, Tensor], source: str) -> None:
        """Load the vision tower of a checkpoint of CLIP; the new parts start from it.

        Raises:
            DataError: if weights are missing, unexpected or of another size.
        """
        own = {name: value for name, value in self.state_dict().items() if _is_new(name)}
        published = {
            name.removeprefix(CLIP_PREFIX): state[name]
            for name in state
            if name.startswith(CLIP_PREFIX)
        }
        load_state_dict_strict(self, own | published, f"eclipse ({source})")
        self.copy_self_attention()


def expand_over_time(sounds: Tokens) -> Tokens:
    """Let each of T frames attend to the sounds of all: ``(B, T, P, A)`` to ``(B, T, T * P, A)``.

    It is ``time_cross_audio`` of the release. Each frame has its own copy, so that `dual` updates
    it by that frame alone.
    """
    num_clips, num_frames, num_sounds, _ = sounds.values.shape
    values = sounds.values.flatten(1, 2)[:, None].expand(-1, num_frames, -1, -1)
    mask = sounds.mask.flatten(1)[:, None].expand(num_clips, num_frames, num_frames * num_sounds)
    return Tokens(values, mask)


def _build_block(config: TowerConfig) -> TwoWayBlock:
    return TwoWayBlock(
        config.width,
        config.heads,
        dual=config.dual,
        reverse_norm=config.reverse_norm,
        eps=config.eps,
    )


def _is_new(name: str) -> bool:
    return any(part in name for part in _NEW_PARTS)
