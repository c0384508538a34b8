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
