"""Changes of tokens that must not change what a part computes from them."""

from __future__ import annotations

import torch

from egoexobench.types import Tokens


def add_padding(tokens: Tokens) -> Tokens:
    """Return tokens with two more columns of noise that the mask leaves out."""
    noise = torch.randn_like(tokens.values[:, :2])
    masked = torch.zeros_like(tokens.mask[:, :2])
    return Tokens(torch.cat([tokens.values, noise], 1), torch.cat([tokens.mask, masked], 1))
