"""Fusion `my-plugin-gate`: query and context, mixed by trained weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register, Tokens
    from egoexobench.protocols import Fusion
    from egoexobench.types import EmptyQueryRule
    from torch import Tensor


@hookimpl
def register_fusions(register: Register) -> None:
    """Register the fusion."""
    register("my-plugin-gate", gate)


def gate(width: int, /) -> Fusion:
    """The mean of the query and the mean of the context, mixed feature by feature.

    Args:
        width: D of the tokens; the harness passes it.
    """
    import torch
    from egoexobench.toolbox.layers import masked_mean
    from torch import nn

    class Gate(nn.Module):
        """A fusion with weights is an `nn.Module`; another one may be a function."""

        empty_query: EmptyQueryRule = "context-mean"  # of a clip without sound

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2 * width, width)

        def forward(self, query: Tokens, context: Tokens) -> Tensor:
            """Return embeddings ``(B, D)``; a row without query is its context alone."""
            first, second = masked_mean(query), masked_mean(context)  # (B, D) each
            share: Tensor = self.layer(torch.cat([first, second], 1)).sigmoid()
            has_query = query.mask.any(1, keepdim=True)
            return second + has_query * share * (first - second)

    return Gate()
