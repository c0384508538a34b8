"""The ranks of every query of a run as a line of text in a committed row.

A row has the hash of the queries of each track, and for each seed one token a query, in the order
of cluster, source and positives: ``1`` is the rank of the best positive, ``2-4`` are its first and
its last possible rank if candidates tie, ``2-4/3`` if three positives tie. Where the probability of
a right first answer does not follow from the ranks (tied classes), it stands behind: ``1-2=0.25``.
Hit rates and reciprocal ranks of every query follow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, groupby
from operator import attrgetter
from typing import final

import numpy as np
from pydantic import Field

from egoexobench.errors import DataError
from egoexobench.evaluation import metrics
from egoexobench.evaluation.arrays import Floats
from egoexobench.hashing import hash_json
from egoexobench.records.field_types import Count, RecordModel
from egoexobench.records.schema import QueryRank

RANKED_METRICS = ("hit_rate_at_1", "hit_rate_at_5", "hit_rate_at_10", "mrr")
"""Metrics that have a value for each query."""
_ORDER = "cluster", "source", "positives", "task"
_QUERY_FACTS = "cluster", "source", "positives", "num_candidates", "num_positives"
_GET_ORDER, _GET_QUERY_FACTS = attrgetter(*_ORDER), attrgetter(*_QUERY_FACTS)
_GET_CLUSTER = attrgetter("cluster")
_TOKEN = re.compile(r"(\d+)(?:-(\d+))?(?:/(\d+))?(?:=(\S+))?")


@final
class StoredQueries(RecordModel):
    """Which queries of a track were scored, in the order of their stored ranks."""

    sha256: str = Field(description="hash of cluster, source, positives and candidates of each")
    num_queries: Count
    cluster_sizes: str = Field(description="queries of each cluster, such as `2x30 1x4`")

    @property
    def clusters(self) -> list[str]:
        """The cluster of each query."""
        runs = (run.split("x") for run in self.cluster_sizes.split())
        sizes = chain.from_iterable([int(size)] * int(count) for size, count in runs)
        return [str(number) for number, size in enumerate(sizes) for _ in range(size)]


@dataclass(frozen=True)
class StoredRanks:
    """Columns of the ranks of a run on one track, ``(N,)`` each.

    Numbers of candidates and positives are lower bounds; no value of a query depends on them.
    """

    optimistic: Floats
    pessimistic: Floats
    num_candidates: Floats
    num_positives: Floats
    num_tied_positives: Floats
    top1_probability: Floats


def sort_ranks(ranks: Sequence[QueryRank]) -> list[QueryRank]:
    """Return ranks in the order in which they are stored."""
    return sorted(ranks, key=_GET_ORDER)


def describe_queries(ranks: Sequence[QueryRank]) -> StoredQueries:
    """Return which queries some ranks are of."""
    ordered = sort_ranks(ranks)
    facts = list(map(_GET_QUERY_FACTS, ordered))
    sizes = [len(list(group)) for _, group in groupby(ordered, key=_GET_CLUSTER)]
    runs = [(size, len(list(group))) for size, group in groupby(sizes)]
    return StoredQueries(
        sha256=hash_json(facts),
        num_queries=len(ordered),
        cluster_sizes=" ".join(f"{size}x{count}" for size, count in runs),
    )


def format_ranks(ranks: Sequence[QueryRank]) -> str:
    """Return the ranks of one track as a line of text."""
    return " ".join(_format_token(rank) for rank in sort_ranks(ranks))


@lru_cache(maxsize=4096)
def parse_ranks(text: str) -> StoredRanks:
    """Return the columns of a line of ranks.

    Raises:
        DataError: with the token that is wrong.
    """
    matches = [(token, _TOKEN.fullmatch(token)) for token in text.split()]
    if wrong := [token for token, match in matches if match is None]:
        raise DataError(f"{wrong[0]!r} is no rank; a rank is such as 1, 2-4, 2-4/3 or 1-2=0.25")
    fields = [match.groups() for _, match in matches if match]
    first = np.array([int(item[0]) for item in fields], float)
    last = np.array([int(item[1] or item[0]) for item in fields], float)
    tied = np.array([int(item[2] or 1) for item in fields], float)
    ranks = StoredRanks(
        optimistic=first,
        pessimistic=last,
        num_candidates=last,
        num_positives=tied,
        num_tied_positives=tied,
        top1_probability=np.zeros(len(fields)),
    )
    if (ranks.optimistic < 1).any() or (ranks.pessimistic < ranks.optimistic).any():
        raise DataError("a rank is below 1, or a last rank before its first")
    top1 = metrics.hit_rate_at_k(ranks, 1)
    for index, item in enumerate(fields):
        if item[3] is not None:
            top1[index] = float(item[3])
    ranks.top1_probability[:] = top1
    return ranks


def compute_values(text: str, metric: str) -> Floats:
    """Return the value of every query, from 0 to 1, of one of `RANKED_METRICS`.

    >>> compute_values("1 3 2-3", "hit_rate_at_1").tolist()
    [1.0, 0.0, 0.0]
    >>> compute_values("1 2 4", "mrr").tolist()
    [1.0, 0.5, 0.25]
    """
    ranks = parse_ranks(text)
    if metric == "hit_rate_at_1":
        return ranks.top1_probability
    if metric == "mrr":
        return metrics.reciprocal_rank(ranks)
    return metrics.hit_rate_at_k(ranks, int(metric.removeprefix("hit_rate_at_")))


def _format_token(rank: QueryRank) -> str:
    token = str(rank.optimistic)
    if rank.pessimistic > rank.optimistic or rank.num_tied_positives > 1:
        token += f"-{rank.pessimistic}"
    if rank.num_tied_positives > 1:
        token += f"/{rank.num_tied_positives}"
    if abs(float(parse_ranks(token).top1_probability[0]) - rank.top1_probability) > 1e-12:
        token += f"={json.dumps(rank.top1_probability)}"
    return token
