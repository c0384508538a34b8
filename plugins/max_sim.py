"""Scorer `max-sim`: late interaction; nothing is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from egoexobench import hookimpl
from egoexobench.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from egoexobench import Register
    from egoexobench.protocols import Scorer
    from egoexobench.types import Tokens


@hookimpl
def register_scorers(register: Register) -> None:
    """Register the scorer."""
    register("max-sim", max_sim)


def max_sim(width: int, /, *, similarity_weight: float = 0.0) -> Scorer:
    """Late interaction: each query token meets the candidate token that is most like it.

    The score is the mean over the query tokens of their largest cosine with a candidate token
    (ColBERT, arXiv:2004.12832, eq. 3, which has the sum: for one query the order is the same).

    Args:
        similarity_weight: how much of the similarity of the two embeddings is added; 0 is ColBERT.
    """
    del width  # it compares tokens of any width
    if not math.isfinite(similarity_weight):
        raise UsageError(f"similarity_weight={similarity_weight} of scorer 'max-sim' is not finite")
    return _MaxSim(similarity_weight)


@final
@dataclass(frozen=True, slots=True)
class _MaxSim:
    similarity_weight: float

    def score(self, query_tokens: Tokens, candidate_tokens: Tokens, similarity: Tensor) -> Tensor:
        """``(Q, K)``; the share of the tokens is from -1 to 1, and 0 where one side has none."""
        from torch import einsum
        from torch.nn.functional import normalize

        queries = normalize(query_tokens.values, dim=2)
        candidates = normalize(candidate_tokens.values, dim=2)
        cosines = einsum("qid,kjd->qkij", queries, candidates)
        is_padding = ~candidate_tokens.mask[None, :, None, :]
        largest = cosines.masked_fill(is_padding, -1.0).amax(3)  # (Q, K, Tq)
        is_real = query_tokens.mask[:, None, :]
        count = is_real.sum(2).clamp(min=1)
        means = (largest * is_real).sum(2) / count
        scores = means * candidate_tokens.mask.any(1)[None, :]
        return scores + self.similarity_weight * similarity if self.similarity_weight else scores
