"""The ranks of a record as columns, and whether they are those of some queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from egoexobench.evaluation.ranks import Ranks
from egoexobench.records.schema import QueryRank
from egoexobench.types import Query


def iter_identity_differences(
    location: str, rows: Sequence[QueryRank], queries: Sequence[Query]
) -> Iterator[str]:
    """Yield what differs: each row of ranks is that of the query in its place."""
    if len(rows) != len(queries):
        yield f"{location}: {len(rows)} queries in the ranks, {len(queries)} recomputed"
        return
    for row, query in zip(rows, queries, strict=True):
        expected = (
            query.source,
            query.positive_ids,
            query.cluster,
            len(query.gallery.ids),
            len(query.positives),
        )
        actual = row.source, row.positives, row.cluster, row.num_candidates, row.num_positives
        if actual != expected:
            yield f"{location}: the ranks have {actual}, the queries {expected}"
            return


def find_differing_ranks(rows: Sequence[QueryRank], ranks: Ranks) -> list[int]:
    """Return the indices of the rows whose ranks are not those that were recomputed."""
    recorded = make_ranks(rows)
    names = ("optimistic", "pessimistic", "num_tied_positives")
    is_other = torch.stack([getattr(recorded, name) != getattr(ranks, name) for name in names])
    indices: list[int] = is_other.any(0).nonzero()[:, 0].tolist()
    return indices


def iter_rank_lines(
    location: str,
    rows: Sequence[QueryRank],
    ranks: Ranks,
    *,
    differing: Sequence[int],
    source: str,
) -> Iterator[str]:
    """Yield one line if ranks differ, with the first of them.

    Args:
        location: the score in the record.
        rows: its ranks.
        ranks: what was recomputed, in the same order.
        differing: indices of the rows that differ.
        source: what the ranks were recomputed from.
    """
    if differing:
        first = differing[0]
        yield (
            f"{location}: {len(differing)} of {len(rows)} ranks are not those of the {source}, "
            f"first {rows[first].source!r}: {rows[first].optimistic} in the record, "
            f"{int(ranks.optimistic[first])} recomputed"
        )


def make_ranks(rows: Sequence[QueryRank]) -> Ranks:
    """Return recorded ranks as columns, in the order of the rows."""
    columns = [
        (
            row.optimistic,
            row.pessimistic,
            row.num_candidates,
            row.num_positives,
            row.num_tied_positives,
        )
        for row in rows
    ]
    return Ranks(*torch.tensor(columns).T)
