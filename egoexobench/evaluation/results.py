"""Scores of one track: metrics, and one result for each query, stored beside the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

MetricUnit = Literal["%", "rank", "1"]
UNIT_DIGITS: Mapping[MetricUnit, int] = {"%": 1, "rank": 1, "1": 3}
"""Digits behind the point that tables show."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric in ``unit``: its value, 95 % interval and chance level.

    ``majority`` is the best score of the same answer to every item; only recognition has it. The
    class is used from the evaluation to records and tables.
    """

    value: float
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    majority: float | None = None
    unit: MetricUnit = "%"


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Rank of the best positive of one query, and the probability that the first answer is right.

    See :class:`egoexobench.evaluation.ranks.Ranks` for the ranks and the counts.
    """

    source: str
    positive_ids: tuple[str, ...]
    optimistic: int
    pessimistic: int
    num_candidates: int
    top1_probability: float
    cluster: str
    num_positives: int = 1
    num_tied_positives: int = 1
    average_precision: float | None = None
    """With graded relevance, from 0 to 1; None without."""
    ndcg: float | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """All metrics of one track; ``tasks.METRICS_INFO`` has their meanings and units.

    Attributes:
        metrics: by name.
        num_queries: queries (or clips to recognize) that were scored.
        num_clusters: independent groups of them.
        candidate_range: smallest and largest number of candidates (or classes) of a query.
        num_dropped: queries that were skipped because an embedding is missing, or a rule says so.
        num_missing_candidates: candidates without an embedding, removed from their gallery.
        num_special: what a rule leaves out or treats apart, by reason; only frame tasks count it.
        query_results: one for each query; frame tasks have none.
        by_subset: the same for subsets (a view; items with one label), without query results.
    """

    metrics: Mapping[str, Metric]
    num_queries: int
    num_clusters: int
    candidate_range: tuple[int, int]
    num_dropped: int = 0
    num_missing_candidates: int = 0
    num_special: Mapping[str, int] = field(default_factory=dict)
    query_results: tuple[QueryResult, ...] = ()
    by_subset: Mapping[str, Score] = field(default_factory=dict)
