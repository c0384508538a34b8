"""Fusion `sequence`: tokens laid end to end, nothing learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from egoexobench import hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from egoexobench import Register
    from egoexobench.protocols import Fusion
    from egoexobench.types import Tokens


@hookimpl
def register_fusions(register: Register) -> None:
    """Bring the fusion."""
    register("sequence", sequence)


def sequence(width: int, /, *, tokens: int = 16) -> Fusion:
    """The first tokens of the query laid end to end: what a nearest neighbour compares.

    Args:
        width: D of the tokens.
        tokens: how many; a shorter query is filled with zeros, a longer one cut.
    """
    del width
    return _Sequence(tokens)


@final
class _Sequence:
    def __init__(self, tokens: int) -> None:
        self.tokens = tokens

    def __call__(self, query: Tokens, context: Tokens) -> Tensor:
        import torch

        heard = query.mask.any(1, keepdim=True)
        return torch.where(heard, self._lay(query), self._lay(context))

    def _lay(self, tokens: Tokens) -> Tensor:
        from torch.nn import functional

        values = tokens.values * tokens.mask.unsqueeze(-1)
        missing = self.tokens - values.shape[1]  # negative padding cuts
        return functional.pad(values, (0, 0, 0, missing)).flatten(1)  # (B, tokens * D)
