"""The ego encoder: transformers' VideoMAE with a final norm and a projection.

Jazzcharles/Egoinstructor 8492ba0: its encoder differs from VideoMAE V2's classifier in the eps of
its norms, and in a norm of every token where that one norms the mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

from torch import Tensor, nn

from egoexobench.errors import UsageError
from egoexobench.toolbox.checkpoint import load_state_dict_strict, read_state_dict
from egoexobench.toolbox.videomae_keys import remap_videomae_keys

TEXT_PREFIXES = (
    "transformer.",
    "token_embedding.",
    "positional_embedding",
    "ln_final.",
    "text_projection",
    "logit_scale",
)
"""Prefixes of the text tower's keys in the same checkpoint."""
Output = Literal["clip", "frames", "patches"]


@dataclass(frozen=True, slots=True)
class EgoVideoMAEConfig:
    """Sizes of the network; ``out`` is the width of the projection, 0 for no projection."""

    width: int
    depth: int
    heads: int
    hidden: int
    out: int
    image: int = 224
    patch: int = 16
    frames: int = 8
    tubelet: int = 2
    eps: float = 1e-5


SIZES = {
    "large": EgoVideoMAEConfig(width=1024, depth=24, heads=16, hidden=4096, out=768),
    "tiny": EgoVideoMAEConfig(width=32, depth=2, heads=4, hidden=128, out=24, image=32),
}


@final
class EgoVideoMAE(nn.Module):
    """A VideoMAE with a projection.

    Raises:
        UsageError: if the number of frames is no multiple of a tube.
    """

    NAME = "egoinstructor-ego"

    def __init__(self, config: EgoVideoMAEConfig) -> None:
        super().__init__()
        if config.frames % config.tubelet or config.frames < 1:
            raise UsageError(
                f"{self.NAME}: frames={config.frames} is not a multiple of {config.tubelet}"
            )
        self.config = config
        self.frames_per_token = config.tubelet
        self.dim = config.out or config.width
        self.visual = _build_backbone(config)
        self.projection = nn.Linear(config.width, config.out, bias=False) if config.out else None

    def encode_tubes(self, video: Tensor) -> Tensor:
        """Return a token per tube, ``(B, N, width)``, of normalized frames ``(B, T, 3, H, W)``."""
        tokens: Tensor = self.visual(pixel_values=video).last_hidden_state
        return tokens

    def forward(self, video: Tensor, output: Output) -> Tensor:
        """Return tokens ``(B, ?, dim)``: one, one per pair of frames, or one per tube."""
        steps = self._encode_steps(video)
        match output:
            case "clip":  # the published feature: projection and mean commute
                return steps.mean((1, 2))[:, None]
            case "frames":
                return steps.mean(2)
            case "patches":
                return steps.flatten(1, 2)

    def _encode_steps(self, video: Tensor) -> Tensor:
        tokens = self.encode_tubes(video)
        if self.projection is not None:
            tokens = self.projection(tokens)
        return tokens.view(len(video), self.config.frames // self.config.tubelet, -1, self.dim)


def load_ego_videomae(config: EgoVideoMAEConfig, path: Path | None) -> EgoVideoMAE:
    """Return the network with the weights of a checkpoint; without a path they are random.

    Raises:
        DataError: if the checkpoint has other sizes.
    """
    if path is None:
        return EgoVideoMAE(config)
    return build_ego_videomae(config, read_state_dict(path), str(path))


def build_ego_videomae(
    config: EgoVideoMAEConfig, published: Mapping[str, Tensor], source: str
) -> EgoVideoMAE:
    """Return the network with a published state, of the complete system or of the tower alone.

    Raises:
        DataError: if weights are missing, unexpected or of another size.
    """
    has_text_tower = any(key.startswith("visual.") for key in published)
    ignored = TEXT_PREFIXES if has_text_tower else ()
    tower = {
        key.removeprefix("visual."): weight
        for key, weight in published.items()
        if not key.startswith(ignored)
    }
    projection = tower.pop("image_projection", None)
    state = {f"visual.{key}": weight for key, weight in remap_videomae_keys(tower).items()}
    if projection is not None:
        state["projection.weight"] = projection.T
    model = EgoVideoMAE(config)
    load_state_dict_strict(model, state, f"egoinstructor-ego ({source})")
    return model


def _build_backbone(config: EgoVideoMAEConfig) -> Any:
    import transformers

    return transformers.VideoMAEModel(
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
            use_mean_pooling=False,  # a norm behind the blocks
        )
    )
