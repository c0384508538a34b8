"""The heads of the released SoundBridge, under their published parameter names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

from torch import Tensor, nn

from egoexobench.errors import UsageError
from egoexobench.toolbox import checkpoint
from egoexobench.toolbox.layers import check_divisible, masked_mean
from egoexobench.types import Tokens

Variant = Literal["association", "retrieval", "cha"]
Sound = Literal["embedding", "features", "released"]
DROPOUT = 0.1


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes; ``hidden`` is twice the width as released."""

    width: int
    heads: int = 4
    layer_heads: int = 2
    audio_dim: int = 768
    hidden: int | None = None


@final
class Video(nn.Module):
    """Video queried by sound; options as in the factory.

    A checkpoint holds every head, whichever the variant uses.
    """

    HEADS = ("cross_attn_image.", "cross_attn_fusion_visual.", "ffn.", "ffn2.")

    def __init__(self, shape: Shape, variant: Variant, sound: Sound) -> None:
        super().__init__()
        width = shape.width
        self.sound = sound
        if sound != "embedding" and variant == "cha" and shape.audio_dim != width:
            raise UsageError(
                f"soundbridge-released-video: variant=cha does not project sound features: they "
                f"are {shape.audio_dim} wide and the embedding {width}; "
                f"set sound=embedding or width={shape.audio_dim}"
            )
        self.variant = variant
        check_divisible(width, shape.heads)
        self.cross_attn_image = nn.MultiheadAttention(width, shape.heads, DROPOUT)
        self.cross_attn_fusion_visual = _layer(shape)
        self.ffn = nn.Linear(width, width)
        self.ffn2 = nn.Linear(shape.audio_dim, width)

    def forward(self, query: Tokens, context: Tokens) -> Tensor:
        """Sound ``(B, Tq, D)`` and video ``(B, Tc, D)``, each averaged, to ``(B, D)``.

        A clip without sound has a sound of zeros.
        """
        features = self.sound == "features" or (self.sound == "released" and self.training)
        sound = masked_mean(query)
        if features and self.variant != "cha":
            sound = self.ffn2(sound)
        attended = _attend(self.cross_attn_image, sound, masked_mean(context))
        if self.variant == "cha":
            mapped: Tensor = self.ffn(attended)
            return mapped
        joined = attended + sound
        if self.variant == "association":
            return joined
        return _one(self.cross_attn_fusion_visual, joined)


@final
class Text(nn.Module):
    """Narration queried by sound caption; options as in the factory."""

    HEADS = ("cross_attn_text.", "cross_attn_fusion_text.")

    def __init__(self, shape: Shape, variant: Variant) -> None:
        super().__init__()
        self.variant = variant
        check_divisible(shape.width, shape.heads)
        self.cross_attn_text = nn.MultiheadAttention(shape.width, shape.heads, DROPOUT)
        self.cross_attn_fusion_text = _layer(shape)

    def forward(self, query: Tokens, context: Tokens) -> Tensor:
        """Caption ``(B, Tq, D)`` and narration ``(B, Tc, D)``, each averaged, to ``(B, D)``."""
        caption = masked_mean(query)
        attended = _attend(self.cross_attn_text, caption, masked_mean(context))
        if self.variant != "retrieval":
            return attended
        return _one(self.cross_attn_fusion_text, attended + caption)


def names(keys: Iterable[str], heads: tuple[str, ...]) -> dict[str, str]:
    """Published names of some heads, each with the name that it has here."""
    return {key: key for key in keys if key.startswith(heads)}


def fit(fusion: Video | Text, path: Path) -> None:
    """Take a fusion's weights out of a checkpoint of the whole system.

    Raises:
        DataError: naming what is missing, unexpected or of another size.
    """
    state = checkpoint.read_state_dict(path)
    mine = {name: state[key] for key, name in names(state, fusion.HEADS).items()}
    checkpoint.load_state_dict_strict(fusion, mine, f"soundbridge-released ({path})")


def _layer(shape: Shape) -> nn.TransformerEncoderLayer:
    check_divisible(shape.width, shape.layer_heads)
    hidden = shape.hidden or 2 * shape.width
    return nn.TransformerEncoderLayer(shape.width, shape.layer_heads, hidden, DROPOUT, "gelu")


def _attend(attention: nn.MultiheadAttention, query: Tensor, context: Tensor) -> Tensor:
    """Attention of one token to one token, as released: ``(B, D)`` each, and so is the result."""
    attended: Tensor = attention(query[None], context[None], context[None], need_weights=False)[0]
    return attended[0]


def _one(layer: nn.Module, values: Tensor) -> Tensor:
    """A transformer layer over sequences of one token."""
    out: Tensor = layer(values[None])
    return out[0]
