"""Scorer `my-plugin-nearest`: compares tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register, Tokens
    from egoexobench.protocols import Scorer
    from torch import Tensor


@hookimpl
def register_scorers(register: Register) -> None:
    """Register the scorer."""
    register("my-plugin-nearest", nearest)


def nearest(width: int, /) -> Scorer:
    """The similarity of the embeddings and the largest cosine of two tokens.

    Args:
        width: D of the tokens; the harness passes it.
    """
    del width  # it compares tokens of any width
    return NearestTokens()


@final
class NearestTokens:
    """A scorer with weights is an `nn.Module` and is trained after the method."""

    def score(self, query_tokens: Tokens, candidate_tokens: Tokens, similarity: Tensor) -> Tensor:
        """Return finite scores ``(Q, K)``, also where one side has no token."""
        from torch import einsum
        from torch.nn.functional import normalize

        queries = normalize(query_tokens.values, dim=2)
        candidates = normalize(candidate_tokens.values, dim=2)
        cosines = einsum("qid,kjd->qkij", queries, candidates)
        is_real = query_tokens.mask[:, None, :, None] & candidate_tokens.mask[None, :, None, :]
        return similarity + cosines.masked_fill(~is_real, -1.0).amax((2, 3))
