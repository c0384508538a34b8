"""The configuration that a BEATs checkpoint carries as `cfg`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, PositiveInt

Activation = Literal["gelu", "relu", "tanh", "linear", "gelu_fast", "gelu_accurate"]


class BEATsConfig(BaseModel):
    """Settings of the network; the defaults are those of the published class.

    Fields of `cfg` that matter in pre-training alone (dropouts, layer drop, gradient decay) are
    ignored. The published checkpoints differ from these defaults, so `cfg` is always read.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    input_patch_size: PositiveInt = 16
    embed_dim: PositiveInt = 512
    conv_bias: bool = False
    encoder_layers: PositiveInt = 12
    encoder_embed_dim: PositiveInt = 768
    encoder_ffn_embed_dim: PositiveInt = 3072
    encoder_attention_heads: PositiveInt = 12
    activation_fn: Activation = "gelu"
    layer_norm_first: bool = False
    deep_norm: bool = False
    conv_pos: PositiveInt = 128
    conv_pos_groups: PositiveInt = 16
    relative_position_embedding: bool = False
    num_buckets: PositiveInt = 320
    max_distance: PositiveInt = 1280
    gru_rel_pos: bool = False
    finetuned_model: bool = False
    predictor_class: PositiveInt = 527


_BASE = BEATsConfig(
    relative_position_embedding=True, gru_rel_pos=True, deep_norm=True, max_distance=800
)

SIZES = {
    "base": _BASE,
    "tiny": _BASE.model_copy(
        update={
            "embed_dim": 24,
            "encoder_layers": 2,
            "encoder_embed_dim": 32,
            "encoder_ffn_embed_dim": 64,
            "encoder_attention_heads": 4,
            "conv_pos": 16,
            "conv_pos_groups": 4,
        }
    ),
}
"""``base`` is the `cfg` of BEATs_iter3_plus_AS2M; its three siblings have the same sizes."""
