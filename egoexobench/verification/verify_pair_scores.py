"""Recomputes the ranks of a track from the scores of pairs, and what the first stage selected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from egoexobench.evaluation.query_ranking import rank_queries
from egoexobench.evaluation.reranking import PairScores, find_wrong_selections, rank_pair_scores
from egoexobench.records.schema import QueryRank
from egoexobench.types import Embeddings, Query, Similarity
from egoexobench.verification.recorded_ranks import (
    find_differing_ranks,
    iter_identity_differences,
    iter_rank_lines,
    make_ranks,
)
from egoexobench.verification.rounding import is_within_rounding


def iter_pair_score_differences(
    location: str,
    rows: Sequence[QueryRank],
    queries: Sequence[Query],
    scores: PairScores,
    *,
    sides: tuple[Embeddings, Embeddings] | None,
    similarity: Similarity,
) -> Iterator[str]:
    """Yield one line for ranks that are not those of the scores, or for a wrong first stage.

    Ranks among the scored candidates are exact. The first stage, and the ranks behind it, are those
    of the embeddings up to rounding; without embeddings they are not compared.

    Args:
        location: the score in the record, for messages.
        rows: its ranks.
        queries: its queries in the same order.
        scores: of the pairs of the track.
        sides: embeddings of the sources and of the candidates; None if they are not stored.
        similarity: of the first stage.
    """
    faults = list(iter_identity_differences(location, rows, queries))
    if len(scores.candidates) != len(queries):
        faults.append(
            f"{location}: {len(scores.candidates)} queries have pair scores, {len(queries)} ranks"
        )
    if faults:
        yield from faults
        return
    wrong = sides and find_wrong_selections(
        queries, scores.candidates, sides, similarity=similarity
    )
    if wrong:
        yield (
            f"{location}: the scored candidates of {len(wrong)} of {len(rows)} queries are not the "
            f"first by their embeddings, first {queries[wrong[0]].source!r}"
        )
        return
    first_stage = rank_queries(queries, *sides, similarity) if sides else make_ranks(rows)
    ranks = rank_pair_scores(queries, scores, first_stage)
    differing = [
        index
        for index in find_differing_ranks(rows, ranks)
        if _has_scored_positive(queries[index], scores, index)
        or sides is None
        or not is_within_rounding(rows[index], queries[index], sides, similarity)
    ]
    yield from iter_rank_lines(location, rows, ranks, differing=differing, source="pair scores")


def _has_scored_positive(query: Query, scores: PairScores, index: int) -> bool:
    return bool(np.isin(scores.candidates[index].numpy(), query.positives).any())
