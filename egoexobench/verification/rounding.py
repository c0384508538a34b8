"""Whether a rank can be that of the same embeddings on another processor.

The last digits of a matrix product depend on the processor. Two scores within 8 units of rounding
tie (`evaluation.ranks`), and a pair of candidates whose difference is near that limit ties on one
processor and not on another. So a recorded rank is accepted if it lies between the ranks that
candidates within 16 units can give, computed here in 64-bit numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from egoexobench.evaluation.vector_norms import TIE_ULPS
from egoexobench.records.schema import QueryRank
from egoexobench.types import Embeddings, Query, Similarity

ROUNDING = 2 * TIE_ULPS * torch.finfo(torch.float32).eps


def is_within_rounding(
    row: QueryRank,
    query: Query,
    sides: tuple[Embeddings, Embeddings],
    similarity: Similarity,
) -> bool:
    """Return whether the ranks of a row are possible for these embeddings, up to rounding."""
    sources, candidates = sides
    source = sources.vectors[sources.index[query.source]].double()
    rows = torch.tensor([candidates.index[name] for name in query.gallery.ids])
    targets = candidates.vectors[rows].double()
    if similarity == "cosine":
        source, targets = _normalize(source), _normalize(targets)
    scores = targets @ source
    margin = ROUNDING * float(source.norm()) * float(targets.norm(dim=1).max())
    is_positive = torch.zeros(len(scores), dtype=torch.bool)
    is_positive[list(query.positives)] = True
    best = float(scores[is_positive].max())
    others, own = scores[~is_positive], scores[is_positive]
    num_above, num_maybe_above = _count(others, best + margin), _count(others, best)
    num_maybe_tied = _count(others, best - margin)
    return (
        1 + num_above <= row.optimistic <= 1 + num_maybe_above
        and 1 + num_above <= row.pessimistic <= 1 + num_maybe_tied
        and 1 <= row.num_tied_positives <= _count(own, best - margin)
    )


def _normalize(vectors: Tensor) -> Tensor:
    norms: Tensor = vectors.norm(dim=-1, keepdim=True)
    return vectors / norms.clamp_min(torch.finfo(torch.float64).tiny)


def _count(scores: Tensor, limit: float) -> int:
    return int((scores >= limit).sum())
