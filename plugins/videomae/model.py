"""VideoMAE V2's classifier on top of transformers' VideoMAE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from torch import Tensor, nn

from egoexobench.errors import UsageError


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the network; ``hidden`` is the width of the MLPs, ``tubelet`` frames of a tube."""

    width: int
    depth: int
    heads: int
    hidden: int
    image: int = 224
    patch: int = 16
    frames: int = 16
    tubelet: int = 2
    eps: float = 1e-6
    head_eps: float = 1e-6
    checkpointing: bool = False
    """Compute blocks again in the backward pass."""


SIZES = {
    "small": Shape(384, 12, 6, 1536),
    "base": Shape(768, 12, 12, 3072),
    "large": Shape(1024, 24, 16, 4096),
    "huge": Shape(1280, 32, 16, 5120),
    "giant": Shape(1408, 40, 16, 6144, patch=14),
    "tiny": Shape(32, 2, 4, 128, image=32),
}
"""models/modeling_finetune.py of OpenGVLab/VideoMAEv2 29eab1e; giant's MLP is 48/11 wide."""


@final
class VideoMAE(nn.Module):
    """The network and its classifier, with ``classes`` 0 for none.

    Raises:
        UsageError: for a number of frames that is not whole tubes.
    """

    def __init__(self, shape: Shape, classes: int = 0) -> None:
        super().__init__()
        if shape.frames % shape.tubelet or shape.frames < 1:
            raise UsageError(
                f"videomae: frames={shape.frames} is not a multiple of {shape.tubelet}"
            )
        self.shape = shape
        self.videomae = _backbone(shape)
        self.fc_norm = nn.LayerNorm(shape.width, shape.head_eps)
        self.head = nn.Linear(shape.width, classes) if classes else None

    def tubes(self, video: Tensor) -> Tensor:
        """Normalised frames ``(B, T, 3, H, W)`` to a token a tube, ``(B, T / 2, places, D)``."""
        tokens: Tensor = self.videomae(pixel_values=video).last_hidden_state
        steps = self.shape.frames // self.shape.tubelet
        return tokens.view(len(video), steps, -1, self.shape.width)

    def features(self, video: Tensor) -> Tensor:
        """Normalised frames to the published feature ``(B, D)``."""
        normed: Tensor = self.fc_norm(self.tubes(video).flatten(1, 2).mean(1))
        return normed

    def forward(self, video: Tensor) -> Tensor:
        """Normalised frames to class logits ``(B, classes)``, or the feature without classes."""
        features = self.features(video)
        if self.head is None:
            return features
        logits: Tensor = self.head(features)
        return logits


def _backbone(shape: Shape) -> Any:
    from transformers import VideoMAEConfig, VideoMAEModel

    backbone: Any = VideoMAEModel(
        VideoMAEConfig(
            image_size=shape.image,
            patch_size=shape.patch,
            num_frames=shape.frames,
            tubelet_size=shape.tubelet,
            hidden_size=shape.width,
            num_hidden_layers=shape.depth,
            num_attention_heads=shape.heads,
            intermediate_size=shape.hidden,
            layer_norm_eps=shape.eps,
            use_mean_pooling=True,  # no norm behind the blocks
        )
    )
    if shape.checkpointing:
        backbone.gradient_checkpointing_enable({"use_reentrant": False})
    return backbone
