"""Graded relevance of queries that embeddings rank."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from egoexobench.evaluation.arrays import to_tensor
from egoexobench.evaluation.graded import GradedValues, compute_graded_values
from egoexobench.evaluation.query_ranking import group_by_gallery
from egoexobench.evaluation.vector_norms import TIE_ULPS, measure_norms, normalize_vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoexobench.types import Embeddings, Query, Relevance, Similarity, Task

BLOCK_SIZE = 2**21
"""Scores in memory at once."""


def measure_graded(
    queries: Sequence[Query],
    query_embeddings: Embeddings,
    candidate_embeddings: Embeddings,
    relevance: Relevance,
    *,
    task: Task,
    similarity: Similarity = "cosine",
) -> GradedValues:
    """Return both metrics of queries whose candidates all have embeddings.

    Scores are computed in 64 bits, and tie as in :func:`egoexobench.evaluation.ranks.compute_ranks`
    at the precision of the embeddings.

    Args:
        queries: queries of one task.
        query_embeddings: embeddings of the sources.
        candidate_embeddings: embeddings of the candidates.
        relevance: of each clip and text.
        task: ``t2v`` or ``v2t``.
        similarity: what candidates are ranked by.
    """
    sides = query_embeddings, candidate_embeddings
    eps = max(np.finfo(_get_dtype(side)).eps for side in sides)
    vectors = [normalize_vectors(to_tensor(side.vectors).double(), similarity) for side in sides]
    norms = [measure_norms(side).numpy() for side in vectors]
    result = np.zeros((4, len(queries)))
    for gallery, indices in group_by_gallery(queries).items():
        columns = [candidate_embeddings.index[name] for name in gallery.ids]
        candidates, scales = vectors[1][columns].T, norms[1][columns]
        rows = max(1, BLOCK_SIZE // len(columns))
        for start in range(0, len(indices), rows):
            block = indices[start : start + rows]
            names = [queries[index].source for index in block]
            sources = [query_embeddings.index[name] for name in names]
            scores = (vectors[0][sources] @ candidates).numpy()
            margins = TIE_ULPS * eps * norms[0][sources][:, None] * scales[None]
            selected = relevance.select(task, names, gallery.ids).astype(np.float64)
            values = compute_graded_values(scores, selected, margins=margins)
            result[:, block] = [getattr(values, item.name) for item in fields(values)]
    return GradedValues(*result)


def _get_dtype(embeddings: Embeddings) -> type[np.floating]:
    is_double = str(to_tensor(embeddings.vectors).dtype) == "torch.float64"
    return np.float64 if is_double else np.float32
