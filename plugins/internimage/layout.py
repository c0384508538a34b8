"""Conversions between channels first and channels last, and norms that contain them.

The published parameter names count these conversions: ``norm1.0`` is a norm of maps with channels
last, ``norm1.1`` a norm behind a conversion from channels first.
"""

from __future__ import annotations

from typing import Literal, final

from torch import Tensor, nn

EPS = 1e-6


def to_channels_first(x: Tensor) -> Tensor:
    """Return maps ``(B, H, W, C)`` as ``(B, C, H, W)``."""
    return x.permute(0, 3, 1, 2)


def to_channels_last(x: Tensor) -> Tensor:
    """Return maps ``(B, C, H, W)`` as ``(B, H, W, C)``."""
    return x.permute(0, 2, 3, 1)


@final
class ToChannelsLast(nn.Module):
    """`channels_last` as a module."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply the module."""
        return to_channels_last(x)


@final
class ToChannelsFirst(nn.Module):
    """`channels_first` as a module."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply the module."""
        return to_channels_first(x)


def build_norm(
    width: int, *, layout: Literal["last", "first-to-last", "first"] = "last"
) -> nn.Sequential:
    """Return a layer norm over channels.

    Args:
        width: number of channels.
        layout: `last` for maps with channels last, `first` for maps with channels first;
            `first-to-last` reads channels first and returns channels last.
    """
    layers: list[nn.Module] = [ToChannelsLast()] if layout != "last" else []
    layers.append(nn.LayerNorm(width, EPS))
    if layout == "first":
        layers.append(ToChannelsFirst())
    return nn.Sequential(*layers)
