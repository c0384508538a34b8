"""The ego encoder: transformers' VideoMAE with a final norm and a projection.

Jazzcharles/Egoinstructor 8492ba0: its encoder differs from VideoMAE V2's classifier in the eps of
its norms, and in a norm of every token where that one norms the mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, final

from torch import Tensor, nn

from egoexobench.errors import UsageError
from egoexobench.toolbox.checkpoint import load_state_dict_strict, read_state_dict
from egoexobench.toolbox.videomae_keys import remap_videomae_keys

TEXT = (
    "transformer.",
    "token_embedding.",
    "positional_embedding",
    "ln_final.",
    "text_projection",
    "logit_scale",
)
"""Keys of the text tower that stands in the same checkpoint."""


Output = Literal["clip", "frames", "patches"]


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes; ``out`` is the width of the projection, 0 for none."""

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
    "large": Shape(1024, 24, 16, 4096, 768),
    "tiny": Shape(32, 2, 4, 128, 24, image=32),
}


def sized(shape: Shape, frames: int) -> Shape:
    """Return the shape with another number of frames."""
    return replace(shape, frames=frames)


@final
class Ego(nn.Module):
    """The network.

    Raises:
        UsageError: for a number of frames that is not whole tubes.
    """

    NAME = "egoinstructor-ego"

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        if shape.frames % shape.tubelet or shape.frames < 1:
            raise UsageError(
                f"{self.NAME}: frames={shape.frames} is not a multiple of {shape.tubelet}"
            )
        self.shape = shape
        self.dim = shape.out or shape.width
        self.visual = _backbone(shape)
        self.projection = nn.Linear(shape.width, shape.out, bias=False) if shape.out else None

    def tubes(self, video: Tensor) -> Tensor:
        """Normalised frames ``(B, T, 3, H, W)`` to a normed token a tube, ``(B, N, width)``."""
        tokens: Tensor = self.visual(pixel_values=video).last_hidden_state
        return tokens

    def forward(self, video: Tensor, output: Output) -> Tensor:
        """Normalised frames to tokens ``(B, ?, dim)``: 1, one a pair of frames, or every tube."""
        steps = self._steps(video)
        match output:
            case "clip":  # the published feature: projection and mean commute
                return steps.mean((1, 2))[:, None]
            case "frames":
                return steps.mean(2)
            case "patches":
                return steps.flatten(1, 2)

    def _steps(self, video: Tensor) -> Tensor:
        tokens = self.tubes(video)
        if self.projection is not None:
            tokens = self.projection(tokens)
        return tokens.view(len(video), self.shape.frames // self.shape.tubelet, -1, self.dim)


def load(shape: Shape, path: Path | None) -> Ego:
    """Return the network with the weights of a checkpoint, or random ones.

    Raises:
        DataError: for a checkpoint that is not of this shape.
    """
    return Ego(shape) if path is None else fit(shape, read_state_dict(path), str(path))


def fit(shape: Shape, published: Mapping[str, Tensor], source: str) -> Ego:
    """Return the network with a published state: of the whole system, or of the tower alone.

    Raises:
        DataError: naming what is missing, unexpected or of another size.
    """
    whole = any(key.startswith("visual.") for key in published)
    own = {k: one for k, one in published.items() if not (whole and k.startswith(TEXT))}
    projection = own.pop("image_projection", None)
    named = {f"visual.{k}": one for k, one in remap_videomae_keys(_bare(own)).items()}
    if projection is not None:
        named["projection.weight"] = projection.T
    model = Ego(shape)
    load_state_dict_strict(model, named, f"egoinstructor-ego ({source})")
    return model


def _bare(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix("visual."): one for key, one in state.items()}


def _backbone(shape: Shape) -> Any:
    from transformers import VideoMAEConfig, VideoMAEModel

    return VideoMAEModel(
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
            use_mean_pooling=False,  # a norm behind the blocks
        )
    )
