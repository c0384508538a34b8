"""The BEATs network under its published parameter names.

Patches of a spectrogram, a convolution that encodes positions, and post-norm layers with
deep-norm residuals; microsoft/unilm 768a3c8, beats/BEATs.py and beats/backbone.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from egoexobench.errors import DataError
from egoexobench_plugins.beats.attention import GatedAttention, bucket_distances
from egoexobench_plugins.beats.config import BEATsConfig
from egoexobench_plugins.beats.fbank import compute_normalized_fbank

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "relu": functional.relu,
    "tanh": torch.tanh,
    "linear": lambda x: x,
    "gelu_fast": partial(functional.gelu, approximate="tanh"),
    "gelu_accurate": partial(functional.gelu, approximate="tanh"),
}


@final
class BEATsModel(nn.Module):
    """The complete network; a fine-tuned model also has a ``predictor``."""

    def __init__(self, config: BEATsConfig) -> None:
        super().__init__()
        self.config = config
        side, width = config.input_patch_size, config.encoder_embed_dim
        self.patch_embedding = nn.Conv2d(1, config.embed_dim, side, side, bias=config.conv_bias)
        self.layer_norm = nn.LayerNorm(config.embed_dim)
        if config.embed_dim != width:
            self.post_extract_proj = nn.Linear(config.embed_dim, width)
        self.encoder = TransformerEncoder(config)
        if config.finetuned_model:
            self.predictor = nn.Linear(width, config.predictor_class)

    def forward(
        self, waveforms: Tensor, padding: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return what the published ``extract_features`` returns.

        Args:
            waveforms: samples ``(B, S)`` in [-1, 1] at 16 kHz.
            padding: True at samples that are padding, ``(B, S)``.

        Returns:
            Tokens ``(B, T, D)``, or class probabilities ``(B, C)`` of a fine-tuned model, and the
            mask ``(B, T)`` of tokens that are padding.

        Raises:
            DataError: if there are fewer samples than a patch needs.
        """
        fbanks = extract_fbank(waveforms, self.config.input_patch_size)
        if padding is not None:
            padding = downsample_padding(padding, fbanks.shape[1])
        return self.forward_fbank(fbanks, padding)

    def forward_fbank(self, fbanks: Tensor, padding: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Do the same as `forward`, from normalized filter banks ``(B, frames, 128)``."""
        if padding is not None:
            padding = downsample_padding(padding, self.count_tokens(fbanks))
        tokens = self.encode_tokens(fbanks, padding)
        if not self.config.finetuned_model:
            return tokens, padding
        logits = self.predictor(tokens)
        if padding is None:
            return logits.mean(1).sigmoid(), None
        real = ~padding[..., None]
        return (logits.where(real, 0).sum(1) / real.sum(1)).sigmoid(), padding

    def count_tokens(self, fbanks: Tensor) -> int:
        """Return the number of tokens of filter banks: time steps times bands."""
        side = self.config.input_patch_size
        return (fbanks.shape[1] // side) * (fbanks.shape[2] // side)

    def encode_tokens(self, fbanks: Tensor, padding: Tensor | None) -> Tensor:
        """Return tokens ``(B, T, D)``; all bands of a time step follow each other.

        Args:
            fbanks: normalized filter banks ``(B, frames, 128)``.
            padding: True at tokens that are padding, ``(B, T)``; the output there is noise.
        """
        patches = self.patch_embedding(fbanks[:, None]).flatten(2).transpose(1, 2)
        x = self.layer_norm(patches)
        if self.config.embed_dim != self.config.encoder_embed_dim:
            x = self.post_extract_proj(x)
        encoded: Tensor = self.encoder(x, padding)
        return encoded


@final
class TransformerEncoder(nn.Module):
    """The transformer layers behind the position convolution."""

    def __init__(self, config: BEATsConfig) -> None:
        super().__init__()
        self.config = config
        table = None
        if config.relative_position_embedding:
            table = nn.Embedding(config.num_buckets, config.encoder_attention_heads)
        self.pos_conv = nn.ModuleList([PositionConv(config)])
        self.layers = nn.ModuleList(
            TransformerLayer(config, table) for _ in range(config.encoder_layers)
        )
        self.layer_norm = nn.LayerNorm(config.encoder_embed_dim)

    def forward(self, x: Tensor, padding: Tensor | None) -> Tensor:
        """Return tokens ``(B, T, D)``; ``padding (B, T)`` is True at tokens that are padding."""
        padding_bias = None
        if padding is not None:
            x = x.masked_fill(padding[..., None], 0)
            if bool(padding.any()):
                # finite, so that a clip of padding alone gives numbers and not NaN
                lowest = torch.finfo(x.dtype).min / 2
                padding_bias = (padding[:, None, None] * lowest).to(x.dtype)
        x = x + self.pos_conv[0](x)
        norm_first = self.config.layer_norm_first
        if not norm_first:
            x = self.layer_norm(x)
        position_bias = self._compute_position_bias(x.shape[1])
        for layer in self.layers:
            x = layer(x, position_bias, padding_bias)
        return self.layer_norm(x) if norm_first else x

    def _compute_position_bias(self, length: int) -> Tensor | None:
        if not self.config.relative_position_embedding:
            return None
        weight = self.layers[0].get_parameter("self_attn.relative_attention_bias.weight")
        index = bucket_distances(length, self.config.num_buckets, self.config.max_distance)
        return weight[index.to(weight.device)].permute(2, 0, 1)  # (heads, T, T)


@final
class PositionConv(nn.Module):
    """A grouped convolution over time; its weight is normalized at each kernel position."""

    def __init__(self, config: BEATsConfig) -> None:
        super().__init__()
        width, size, self.groups = (
            config.encoder_embed_dim,
            config.conv_pos,
            config.conv_pos_groups,
        )
        self.bias = nn.Parameter(torch.zeros(width))
        self.weight_v = nn.Parameter(torch.randn(width, width // self.groups, size))
        nn.init.normal_(self.weight_v, std=(4 / (size * width)) ** 0.5)
        self.weight_g = nn.Parameter(self.weight_v.detach().norm(dim=(0, 1), keepdim=True))

    def forward(self, x: Tensor) -> Tensor:
        """Return the position code ``(B, T, D)`` that is added to the tokens."""
        weight = self.weight_v * (self.weight_g / self.weight_v.norm(dim=(0, 1), keepdim=True))
        convolved = functional.conv1d(
            x.transpose(1, 2), weight, self.bias, padding=weight.shape[2] // 2, groups=self.groups
        )
        # an even kernel gives one position too many
        return functional.gelu(convolved[..., : x.shape[1]]).transpose(1, 2)


@final
class TransformerLayer(nn.Module):
    """Attention and an MLP, each with a norm behind it (deep norm) or in front of it."""

    def __init__(self, config: BEATsConfig, table: nn.Embedding | None) -> None:
        super().__init__()
        width, hidden = config.encoder_embed_dim, config.encoder_ffn_embed_dim
        self.self_attn = GatedAttention(config, table)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)
        self.final_layer_norm = nn.LayerNorm(width)
        self.act = _ACTIVATIONS[config.activation_fn]
        self.norm_first = config.layer_norm_first
        self.alpha = (2 * config.encoder_layers) ** 0.25 if config.deep_norm else 1.0

    def forward(
        self, x: Tensor, position_bias: Tensor | None, padding_bias: Tensor | None
    ) -> Tensor:
        """Return tokens ``(B, T, D)``; the arguments are those of `GatedAttention`."""
        if self.norm_first:
            x = x + self.self_attn(self.self_attn_layer_norm(x), position_bias, padding_bias)
            return x + self._apply_mlp(self.final_layer_norm(x))
        x = self.self_attn_layer_norm(
            x * self.alpha + self.self_attn(x, position_bias, padding_bias)
        )
        out: Tensor = self.final_layer_norm(x * self.alpha + self._apply_mlp(x))
        return out

    def _apply_mlp(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(self.act(self.fc1(x)))
        return out


def get_min_samples(side: int) -> int:
    """Return the number of samples of a patch: 25 ms, and 10 ms for each further frame."""
    return 400 + 160 * (side - 1)


def extract_fbank(waveforms: Tensor, side: int) -> Tensor:
    """Return the normalized filter banks ``(B, frames, 128)`` of samples ``(B, S)``.

    Raises:
        DataError: if there are fewer samples than a patch needs.
    """
    if waveforms.shape[1] < get_min_samples(side):
        raise DataError(
            f"beats: the audio has {waveforms.shape[1]} samples at 16 kHz; "
            f"a patch needs at least {get_min_samples(side)}"
        )
    return compute_normalized_fbank(waveforms)


def downsample_padding(padding: Tensor, num_tokens: int) -> Tensor:
    """Return a padding mask ``(B, S)`` with ``num_tokens`` columns.

    A token is padding where all of its samples are. The remainder is dropped, as published.
    """
    group_size = padding.shape[1] // num_tokens
    return padding[:, : group_size * num_tokens].reshape(-1, num_tokens, group_size).all(-1)
