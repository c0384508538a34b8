"""Channels first, channels last, and the norms that change between them.

The published parameter names count these changes: ``norm1.0`` is a norm that stays channels last,
``norm1.1`` one that comes from channels first.
"""

from __future__ import annotations

from typing import Literal, final

from torch import Tensor, nn

EPS = 1e-6


def channels_first(x: Tensor) -> Tensor:
    """``(B, H, W, C)`` to ``(B, C, H, W)``."""
    return x.permute(0, 3, 1, 2)


def channels_last(x: Tensor) -> Tensor:
    """``(B, C, H, W)`` to ``(B, H, W, C)``."""
    return x.permute(0, 2, 3, 1)


@final
class Last(nn.Module):
    """`channels_last` as a module."""

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        return channels_last(x)


@final
class First(nn.Module):
    """`channels_first` as a module."""

    def forward(self, x: Tensor) -> Tensor:
        """As the class says."""
        return channels_first(x)


def norm(width: int, *, first: Literal["no", "in", "both"] = "no") -> nn.Sequential:
    """Return a layer norm over channels.

    Args:
        width: channels.
        first: whether channels come first in what comes in, in what comes in and goes out, or
            not at all.
    """
    layers: list[nn.Module] = [Last()] if first != "no" else []
    layers.append(nn.LayerNorm(width, EPS))
    if first == "both":
        layers.append(First())
    return nn.Sequential(*layers)
