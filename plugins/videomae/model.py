"""VideoMAE V2's classifier on top of transformers' VideoMAE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from torch import Tensor, nn

from egoexobench.errors import UsageError


@dataclass(frozen=True, slots=True)
class VideoMAEConfig:
    """Sizes of the network: ``hidden`` is the width of an MLP, ``tubelet`` the frames of a tube."""

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
    """Recompute blocks in the backward pass."""


SIZES = {
    "small": VideoMAEConfig(384, 12, 6, 1536),
    "base": VideoMAEConfig(768, 12, 12, 3072),
    "large": VideoMAEConfig(1024, 24, 16, 4096),
    "huge": VideoMAEConfig(1280, 32, 16, 5120),
    "giant": VideoMAEConfig(1408, 40, 16, 6144, patch=14),
    "tiny": VideoMAEConfig(32, 2, 4, 128, image=32),
}
"""models/modeling_finetune.py of OpenGVLab/VideoMAEv2 29eab1e; giant's MLP ratio is 48/11."""


@final
class VideoMAEClassifier(nn.Module):
    """The network and its classifier; with ``num_classes`` 0 it has no classifier.

    Raises:
        UsageError: if the number of frames is no multiple of a tube.
    """

    def __init__(self, config: VideoMAEConfig, num_classes: int = 0) -> None:
        super().__init__()
        if config.frames % config.tubelet or config.frames < 1:
            raise UsageError(
                f"videomae: frames={config.frames} is not a multiple of {config.tubelet}"
            )
        self.config = config
        self.videomae = _build_backbone(config)
        self.fc_norm = nn.LayerNorm(config.width, config.head_eps)
        self.head = nn.Linear(config.width, num_classes) if num_classes else None

    def encode_tubes(self, video: Tensor) -> Tensor:
        """Return a token per tube, ``(B, T / 2, N, D)``, of frames ``(B, T, 3, H, W)``."""
        tokens: Tensor = self.videomae(pixel_values=video).last_hidden_state
        steps = self.config.frames // self.config.tubelet
        return tokens.view(len(video), steps, -1, self.config.width)

    def extract_features(self, video: Tensor) -> Tensor:
        """Return the published feature ``(B, D)`` of normalized frames."""
        normed: Tensor = self.fc_norm(self.encode_tubes(video).flatten(1, 2).mean(1))
        return normed

    def forward(self, video: Tensor) -> Tensor:
        """Return class logits ``(B, C)`` of normalized frames, or the feature without classes."""
        features = self.extract_features(video)
        if self.head is None:
            return features
        logits: Tensor = self.head(features)
        return logits


def _build_backbone(config: VideoMAEConfig) -> Any:
    import transformers

    backbone: Any = transformers.VideoMAEModel(
        transformers.VideoMAEConfig(
            image_size=config.image,
            patch_size=config.patch,
            num_frames=config.frames,
            tubelet_size=config.tubelet,
            hidden_size=config.width,
            num_hidden_layers=config.depth,
            num_attention_heads=config.heads,
            intermediate_size=config.hidden,
            layer_norm_eps=config.eps,
            use_mean_pooling=True,  # no norm behind the blocks
        )
    )
    if config.checkpointing:
        backbone.gradient_checkpointing_enable({"use_reentrant": False})
    return backbone
