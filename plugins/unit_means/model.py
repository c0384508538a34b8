"""Means of tokens of unit length, alone or two side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from egoexobench.toolbox.layers import masked_mean
from egoexobench.types import EmptyQueryRule, Tokens

_CANDIDATES = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.1, 0.9, 0.0, 1.0)
"""The preferred one first: of equal weights, the one that listens to both most equally."""


def compute_unit_mean(tokens: Tokens) -> Tensor:
    """Return the mean ``(B, D)`` of tokens of unit length; zeros for a row without a token."""
    return masked_mean(Tokens(functional.normalize(tokens.values, dim=-1), tokens.mask))


@final
class UnitMean:
    """Embeds the query, and the context of a row without a query."""

    empty_query: EmptyQueryRule = "context-as-query"

    def __call__(self, query: Tokens, context: Tokens) -> Tensor:
        """Return embeddings ``(B, D)``."""
        has_query = query.mask.any(1, keepdim=True)
        return torch.where(has_query, compute_unit_mean(query), compute_unit_mean(context))


@final
class LateFusion(nn.Module):
    """Query and context side by side; the weight is a buffer, so it is saved with the model."""

    empty_query: EmptyQueryRule = "context-alone"
    weight: Tensor

    def __init__(self, weight: float | None) -> None:
        super().__init__()
        self.candidate_values: Sequence[float] = _CANDIDATES if weight is None else ()
        value = _CANDIDATES[0] if weight is None else weight
        self.register_buffer("weight", torch.tensor(value))

    def use_value(self, value: float) -> None:
        """Set the weight of the query."""
        self.weight.fill_(value)

    def forward(self, query: Tokens, context: Tokens) -> Tensor:
        """Return embeddings ``(B, D_query + D_context)``."""
        has_query = query.mask.any(1, keepdim=True)
        weight = torch.where(has_query, self.weight.to(query.values), 0.0)
        first = functional.normalize(compute_unit_mean(query), dim=-1)
        second = functional.normalize(compute_unit_mean(context), dim=-1)
        return torch.cat([weight.sqrt() * first, (1 - weight).sqrt() * second], 1)
