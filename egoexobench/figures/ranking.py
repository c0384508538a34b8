"""The candidates of a query, or the classes of a clip, in the order of their scores."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch.nn.functional import normalize

from egoexobench.evaluation.query_ranking import filter_answerable
from egoexobench.evaluation.recognition import ClassScores
from egoexobench.records.schema import QueryRank
from egoexobench.types import CandidatePolicy, Embeddings, Query, Similarity

QueryPairScores = Mapping[int, float]
"""Scores of candidates of one query by their position in its gallery."""


@dataclass(frozen=True, slots=True)
class RankedCandidate:
    """A candidate with its rank from 1 and its score."""

    id: str
    rank: int
    score: float
    is_positive: bool


def rank_candidates(
    query: Query,
    source: Embeddings,
    target: Embeddings,
    *,
    policy: CandidatePolicy,
    similarity: Similarity,
    pair_scores: QueryPairScores | None = None,
) -> tuple[RankedCandidate, ...]:
    """Return every candidate of a query, the most similar first; none if it cannot be answered.

    Candidates without an embedding are dropped as the track drops them. Scores are those that the
    evaluation ranks, in float64; equal scores keep the order of the candidate list.

    Args:
        query: the query.
        source: embeddings of the side of the query.
        target: embeddings of the candidates.
        policy: whether a list without all its embeddings is dropped.
        similarity: of the embeddings.
        pair_scores: what a scorer gave to some candidates; these stand before all others.
    """
    answerable, _ = filter_answerable([query], source, target, policy)
    if not answerable:
        return ()
    (query,) = answerable
    ids = query.gallery.ids
    candidates = target.vectors[[target.index[name] for name in ids]].double()
    vector = source.vectors[source.index[query.source]].double()
    if similarity == "cosine":
        candidates, vector = normalize(candidates, dim=1), normalize(vector, dim=0)
    scores = (candidates @ vector).tolist()
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    if pair_scores is not None:
        order.sort(key=lambda index: -pair_scores.get(index, -math.inf))
        scores = [pair_scores.get(index, score) for index, score in enumerate(scores)]
    return tuple(
        RankedCandidate(ids[index], rank, scores[index], index in query.positives)
        for rank, index in enumerate(order, 1)
    )


def rank_classes(query: Query, class_scores: ClassScores) -> tuple[RankedCandidate, ...]:
    """Return every class of a clip, the most probable first; none if it has no embedding.

    Scores are probabilities; equal ones keep the order of the classes.
    """
    rows = [index for index, clip in enumerate(class_scores.clips) if clip.clip_id == query.source]
    if not rows:
        return ()
    labels = class_scores.clips[rows[0]].labels
    scores = class_scores.values[rows[0]].exp().tolist()
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    return tuple(
        RankedCandidate(
            class_scores.classes[index], rank, scores[index], class_scores.classes[index] in labels
        )
        for rank, index in enumerate(order, 1)
    )


def summarize_rank(rank: QueryRank) -> str:
    """Return the recorded rank of the best positive in words."""
    count = rank.num_positives
    positive = "right answer" if count == 1 else f"best of {count} right answers"
    if rank.optimistic == rank.pessimistic:
        return f"{positive} at {rank.optimistic} of {rank.num_candidates}"
    tied = f"{rank.optimistic} to {rank.pessimistic}"
    return f"{positive} tied at {tied} of {rank.num_candidates}"


def describe_rank_mismatch(
    candidates: tuple[RankedCandidate, ...], recorded: QueryRank
) -> str | None:
    """Return a warning if the best positive has another rank than recorded, else None."""
    rank = next(candidate.rank for candidate in candidates if candidate.is_positive)
    has_same_size = len(candidates) == recorded.num_candidates
    if has_same_size and recorded.optimistic <= rank <= recorded.pessimistic:
        return None
    return (
        f"made again, the best right answer is at {rank} of {len(candidates)}; "
        f"recorded: {summarize_rank(recorded)}"
    )
