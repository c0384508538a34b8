"""Fusion `concat-tokens`: concatenates tokens; nothing is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from egoexobench import hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from egoexobench import Register
    from egoexobench.protocols import Fusion
    from egoexobench.types import EmptyQueryRule, Tokens


@hookimpl
def register_fusions(register: Register) -> None:
    """Register the fusion."""
    register("concat-tokens", concat_tokens, aliases=("sequence",))


def concat_tokens(width: int, /, *, tokens: int = 16) -> Fusion:
    """Concatenate the first tokens of the query, for a nearest neighbor search.

    Args:
        width: D of the tokens.
        tokens: how many; a shorter query is padded with zeros, a longer one truncated.
    """
    del width
    return _ConcatTokens(tokens)


@final
class _ConcatTokens:
    empty_query: EmptyQueryRule = "context-as-query"

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens

    def __call__(self, query: Tokens, context: Tokens) -> Tensor:
        import torch

        has_query = query.mask.any(1, keepdim=True)
        return torch.where(has_query, self._concatenate(query), self._concatenate(context))

    def _concatenate(self, tokens: Tokens) -> Tensor:
        from torch.nn import functional

        values = tokens.values * tokens.mask.unsqueeze(-1)
        missing = self.tokens - values.shape[1]  # negative padding cuts
        return functional.pad(values, (0, 0, 0, missing)).flatten(1)  # (B, tokens * D)
