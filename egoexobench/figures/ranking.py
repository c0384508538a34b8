"""The candidates of a query in order of their scores."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn.functional import normalize

from egoexobench.evaluation.retrieval import complete
from egoexobench.records.schema import QueryRank
from egoexobench.types import CandidatePolicy, Embeddings, Query, Similarity


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a candidate stands, from 1, its score, and whether it is right."""

    id: str
    place: int
    score: float
    right: bool


def order(
    query: Query,
    source: Embeddings,
    target: Embeddings,
    policy: CandidatePolicy,
    similarity: Similarity,
) -> tuple[Standing, ...]:
    """Return every candidate of a query, the most similar first; empty if it cannot be asked.

    Candidates without an embedding are left out as the track leaves them out. The scores are those
    that ranks count, in float64; equal ones stand in the order in which they are listed.
    """
    kept, _ = complete([query], source, target, policy)
    if not kept:
        return ()
    (one,) = kept
    listed = target.vectors[[target.index[name] for name in one.gallery.ids]].double()
    asks = source.vectors[source.index[one.source]].double()
    if similarity == "cosine":
        listed, asks = normalize(listed, dim=1), normalize(asks, dim=0)
    scores = (listed @ asks).tolist()
    places = sorted(range(len(scores)), key=lambda at: -scores[at])
    return tuple(
        Standing(one.gallery.ids[at], place, scores[at], at in one.positives)
        for place, at in enumerate(places, 1)
    )


def verdict(rank: QueryRank) -> str:
    """Return where a record says that the best right answer stood."""
    which = (
        "right answer" if rank.num_positives == 1 else f"best of {rank.num_positives} right answers"
    )
    if rank.optimistic == rank.pessimistic:
        return f"{which} at {rank.optimistic} of {rank.num_candidates}"
    return f"{which} tied at {rank.optimistic} to {rank.pessimistic} of {rank.num_candidates}"


def disagreement(standings: tuple[Standing, ...], rank: QueryRank) -> str | None:
    """Say that the best right answer does not stand where the record has it, or None if it does."""
    place = next(one.place for one in standings if one.right)
    if len(standings) == rank.num_candidates and rank.optimistic <= place <= rank.pessimistic:
        return None
    was = verdict(rank)
    return f"made again, the best right answer is at {place} of {len(standings)}; recorded: {was}"
