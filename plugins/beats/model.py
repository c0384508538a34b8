"""The BEATs network under its published parameter names.

Spectrogram patches, a convolution that tells positions, and post-norm transformer layers with
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
from egoexobench_plugins.beats.attention import Attention, buckets
from egoexobench_plugins.beats.config import Config
from egoexobench_plugins.beats.fbank import normed

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "relu": functional.relu,
    "tanh": torch.tanh,
    "linear": lambda x: x,
    "gelu_fast": partial(functional.gelu, approximate="tanh"),
    "gelu_accurate": partial(functional.gelu, approximate="tanh"),
}


@final
class Beats(nn.Module):
    """The whole network; ``predictor`` is there if the configuration is of a fine-tuned model."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        side, width = config.input_patch_size, config.encoder_embed_dim
        self.patch_embedding = nn.Conv2d(1, config.embed_dim, side, side, bias=config.conv_bias)
        self.layer_norm = nn.LayerNorm(config.embed_dim)
        if config.embed_dim != width:
            self.post_extract_proj = nn.Linear(config.embed_dim, width)
        self.encoder = Encoder(config)
        if config.finetuned_model:
            self.predictor = nn.Linear(width, config.predictor_class)

    def forward(self, waves: Tensor, padding: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """What the published ``extract_features`` gives.

        Args:
            waves: samples ``(B, S)`` in [-1, 1] at 16 kHz.
            padding: True at samples that are padding, ``(B, S)``.

        Returns:
            Tokens ``(B, T, D)``, or class probabilities ``(B, C)`` of a fine-tuned model, and the
            mask ``(B, T)`` of tokens that are padding.

        Raises:
            DataError: for fewer samples than one patch needs.
        """
        spectra = spectrum(waves, self.config.input_patch_size)
        if padding is not None:
            padding = coarser(padding, spectra.shape[1])
        return self.heard(spectra, padding)

    def heard(self, spectra: Tensor, padding: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """As `forward`, from normalised filter banks ``(B, frames, 128)`` and their padding."""
        if padding is not None:
            padding = coarser(padding, self.count(spectra))
        tokens = self.tokens(spectra, padding)
        if not self.config.finetuned_model:
            return tokens, padding
        logits = self.predictor(tokens)
        if padding is None:
            return logits.mean(1).sigmoid(), None
        real = ~padding[..., None]
        return (logits.where(real, 0).sum(1) / real.sum(1)).sigmoid(), padding

    def count(self, spectra: Tensor) -> int:
        """How many tokens filter banks give: time steps by bands."""
        side = self.config.input_patch_size
        return (spectra.shape[1] // side) * (spectra.shape[2] // side)

    def tokens(self, spectra: Tensor, padding: Tensor | None) -> Tensor:
        """Normalised filter banks ``(B, frames, 128)`` to tokens, the bands of a step in a row.

        Args:
            spectra: normalised filter banks.
            padding: True at tokens that are padding, ``(B, T)``; what comes out there is noise.
        """
        patches = self.patch_embedding(spectra[:, None]).flatten(2).transpose(1, 2)
        x = self.layer_norm(patches)
        if self.config.embed_dim != self.config.encoder_embed_dim:
            x = self.post_extract_proj(x)
        encoded: Tensor = self.encoder(x, padding)
        return encoded


@final
class Encoder(nn.Module):
    """The transformer."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        table = None
        if config.relative_position_embedding:
            table = nn.Embedding(config.num_buckets, config.encoder_attention_heads)
        self.pos_conv = nn.ModuleList([PositionConv(config)])
        self.layers = nn.ModuleList(Layer(config, table) for _ in range(config.encoder_layers))
        self.layer_norm = nn.LayerNorm(config.encoder_embed_dim)

    def forward(self, x: Tensor, padding: Tensor | None) -> Tensor:
        """Tokens ``(B, T, D)`` and the mask of those that are padding to tokens."""
        shut = None
        if padding is not None:
            x = x.masked_fill(padding[..., None], 0)
            if bool(padding.any()):
                # finite: a clip that is padding altogether gives numbers, not NaN
                lowest = torch.finfo(x.dtype).min / 2
                shut = (padding[:, None, None] * lowest).to(x.dtype)
        x = x + self.pos_conv[0](x)
        first = self.config.layer_norm_first
        if not first:
            x = self.layer_norm(x)
        bias = self._bias(x.shape[1])
        for layer in self.layers:
            x = layer(x, bias, shut)
        return self.layer_norm(x) if first else x

    def _bias(self, length: int) -> Tensor | None:
        if not self.config.relative_position_embedding:
            return None
        weight = self.layers[0].get_parameter("self_attn.relative_attention_bias.weight")
        index = buckets(length, self.config.num_buckets, self.config.max_distance)
        return weight[index.to(weight.device)].permute(2, 0, 1)  # (heads, T, T)


@final
class PositionConv(nn.Module):
    """A grouped convolution over time, its weight normalised at each of its places."""

    def __init__(self, config: Config) -> None:
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
        """Tokens ``(B, T, D)`` to what is added to them."""
        weight = self.weight_v * (self.weight_g / self.weight_v.norm(dim=(0, 1), keepdim=True))
        near = functional.conv1d(
            x.transpose(1, 2), weight, self.bias, padding=weight.shape[2] // 2, groups=self.groups
        )
        # an even kernel gives one place too many
        return functional.gelu(near[..., : x.shape[1]]).transpose(1, 2)


@final
class Layer(nn.Module):
    """Attention and an MLP, normed after (deep norm) or before each."""

    def __init__(self, config: Config, table: nn.Embedding | None) -> None:
        super().__init__()
        width, hidden = config.encoder_embed_dim, config.encoder_ffn_embed_dim
        self.self_attn = Attention(config, table)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)
        self.final_layer_norm = nn.LayerNorm(width)
        self.act = _ACTIVATIONS[config.activation_fn]
        self.first = config.layer_norm_first
        self.alpha = (2 * config.encoder_layers) ** 0.25 if config.deep_norm else 1.0

    def forward(self, x: Tensor, bias: Tensor | None, shut: Tensor | None) -> Tensor:
        """Tokens ``(B, T, D)`` to tokens; the other arguments as in `Attention`."""
        if self.first:
            x = x + self.self_attn(self.self_attn_layer_norm(x), bias, shut)
            return x + self._mlp(self.final_layer_norm(x))
        x = self.self_attn_layer_norm(x * self.alpha + self.self_attn(x, bias, shut))
        out: Tensor = self.final_layer_norm(x * self.alpha + self._mlp(x))
        return out

    def _mlp(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(self.act(self.fc1(x)))
        return out


def shortest(side: int) -> int:
    """How many samples one patch of ``side`` frames needs: 25 ms, and 10 ms a frame more."""
    return 400 + 160 * (side - 1)


def spectrum(waves: Tensor, side: int) -> Tensor:
    """Samples ``(B, S)`` to normalised filter banks ``(B, frames, 128)``.

    Raises:
        DataError: for fewer samples than one patch needs.
    """
    if waves.shape[1] < shortest(side):
        raise DataError(
            f"beats: a sound has {waves.shape[1]} samples at 16 kHz; "
            f"a patch needs at least {shortest(side)}"
        )
    return normed(waves)


def coarser(padding: Tensor, count: int) -> Tensor:
    """A padding mask ``(B, S)`` at ``count`` places: padding where all of a place's share is.

    What does not divide is cut off the end, as published.
    """
    share = padding.shape[1] // count
    return padding[:, : share * count].reshape(-1, count, share).all(-1)
