"""The heads of the released SoundBridge, with their published parameter names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

from torch import Tensor, nn

from egoexobench.errors import UsageError
from egoexobench.toolbox import checkpoint
from egoexobench.toolbox.layers import check_divisible, masked_mean
from egoexobench.types import EmptyQueryRule, TokenCase, Tokens

Variant = Literal["association", "retrieval", "cha"]
SoundInput = Literal["embedding", "features", "released"]
DROPOUT = 0.1


@dataclass(frozen=True, slots=True)
class ReleasedHeadConfig:
    """Sizes of the heads; without ``hidden``, it is twice the width, as released."""

    width: int
    heads: int = 4
    layer_heads: int = 2
    audio_dim: int = 768
    hidden: int | None = None


@final
class VideoFusion(nn.Module):
    """Fuses video with sound, which is the query; the options are those of the factory.

    A checkpoint contains every head, also those that the variant does not use.
    """

    HEADS = ("cross_attn_image.", "cross_attn_fusion_visual.", "ffn.", "ffn2.")
    empty_query: EmptyQueryRule = "zero-query"

    def __init__(self, config: ReleasedHeadConfig, variant: Variant, sound: SoundInput) -> None:
        super().__init__()
        width = config.width
        self.sound = sound
        if sound != "embedding" and variant == "cha" and config.audio_dim != width:
            raise UsageError(
                f"soundbridge-released-video: variant=cha does not project sound features: they "
                f"are {config.audio_dim} wide and the embedding {width}; "
                f"set sound=embedding or width={config.audio_dim}"
            )
        self.variant = variant
        check_divisible(width, config.heads)
        self.cross_attn_image = nn.MultiheadAttention(width, config.heads, DROPOUT)
        self.cross_attn_fusion_visual = _build_layer(config)
        self.ffn = nn.Linear(width, width)
        self.ffn2 = nn.Linear(config.audio_dim, width)

    @property
    def idle_weights(self) -> Mapping[TokenCase, Sequence[str]]:
        """Every attention has one key here, and a checkpoint has heads that a variant leaves out.

        With ``sound=released``, they are those of the evaluation.
        """
        names = _list_idle_weights("cross_attn_image", "cross_attn_fusion_visual", self.variant)
        names += ["ffn2.weight"] if self.sound != "features" or self.variant == "cha" else []
        names += ["ffn.weight"] if self.variant != "cha" else []
        return {"several-tokens": names}

    def forward(self, query: Tokens, context: Tokens) -> Tensor:
        """Return ``(B, D)`` for sound ``(B, Tq, D)`` and video ``(B, Tc, D)``, each averaged.

        The sound of a clip without audio is a vector of zeros.
        """
        features = self.sound == "features" or (self.sound == "released" and self.training)
        sound = masked_mean(query)
        if features and self.variant != "cha":
            sound = self.ffn2(sound)
        attended = _attend_token(self.cross_attn_image, sound, masked_mean(context))
        if self.variant == "cha":
            embedding: Tensor = self.ffn(attended)
            return embedding
        joined = attended + sound
        if self.variant == "association":
            return joined
        return _apply_to_token(self.cross_attn_fusion_visual, joined)


@final
class TextFusion(nn.Module):
    """Fuses a narration with a sound caption, which is the query."""

    HEADS = ("cross_attn_text.", "cross_attn_fusion_text.")
    empty_query: EmptyQueryRule = "zero-query"

    def __init__(self, config: ReleasedHeadConfig, variant: Variant) -> None:
        super().__init__()
        self.variant = variant
        check_divisible(config.width, config.heads)
        self.cross_attn_text = nn.MultiheadAttention(config.width, config.heads, DROPOUT)
        self.cross_attn_fusion_text = _build_layer(config)

    @property
    def idle_weights(self) -> Mapping[TokenCase, Sequence[str]]:
        """Attention has one key here, and a checkpoint has heads that a variant leaves out."""
        names = _list_idle_weights("cross_attn_text", "cross_attn_fusion_text", self.variant)
        return {"several-tokens": names}

    def forward(self, query: Tokens, context: Tokens) -> Tensor:
        """Return ``(B, D)`` for a caption ``(B, Tq, D)`` and a narration ``(B, Tc, D)``."""
        caption = masked_mean(query)
        attended = _attend_token(self.cross_attn_text, caption, masked_mean(context))
        if self.variant != "retrieval":
            return attended
        return _apply_to_token(self.cross_attn_fusion_text, attended + caption)


def remap_head_keys(keys: Iterable[str], heads: tuple[str, ...]) -> dict[str, str]:
    """Map the published keys of the given heads to the keys of our module."""
    return {key: key for key in keys if key.startswith(heads)}


def load_checkpoint(fusion: VideoFusion | TextFusion, path: Path) -> None:
    """Load a fusion's weights from a checkpoint of the complete system.

    Raises:
        DataError: if weights are missing, unexpected or of another size.
    """
    state = checkpoint.read_state_dict(path)
    own_state = {name: state[key] for key, name in remap_head_keys(state, fusion.HEADS).items()}
    checkpoint.load_state_dict_strict(fusion, own_state, f"soundbridge-released ({path})")


def _list_idle_weights(attention: str, layer: str, variant: Variant) -> list[str]:
    names = [attention] if variant != "retrieval" else [attention, f"{layer}.self_attn"]
    idle = [f"{name}.in_proj_weight:{part}" for name in names for part in ("query", "key")]
    return idle if variant == "retrieval" else [*idle, f"{layer}.*"]


def _build_layer(config: ReleasedHeadConfig) -> nn.TransformerEncoderLayer:
    check_divisible(config.width, config.layer_heads)
    hidden = config.hidden or 2 * config.width
    return nn.TransformerEncoderLayer(
        config.width,
        config.layer_heads,
        dim_feedforward=hidden,
        dropout=DROPOUT,
        activation="gelu",
    )


def _attend_token(attention: nn.MultiheadAttention, query: Tensor, context: Tensor) -> Tensor:
    """Return the attention ``(B, D)`` of a token to a single token, as released."""
    attended: Tensor = attention(query[None], context[None], context[None], need_weights=False)[0]
    return attended[0]


def _apply_to_token(layer: nn.Module, values: Tensor) -> Tensor:
    """Apply a transformer layer to sequences of one token."""
    out: Tensor = layer(values[None])
    return out[0]
