"""Ranks of a run in a form to look at: a histogram and a cumulative match curve of each track."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from egoexobench.evaluation import metrics
from egoexobench.leaderboard.board_text import POLICY_TITLES
from egoexobench.leaderboard.stored_ranks import StoredRanks
from egoexobench.site.labels import TASK_LABELS
from egoexobench.site.line_drawing import LineDrawing, draw_cumulative_matches
from egoexobench.types import RETRIEVAL_TASKS

if TYPE_CHECKING:
    from egoexobench.records.schema import QueryRank
    from egoexobench.types import TrackKey

BIN_STARTS = (1, 2, 6, 11, 51, 101, 501, 1001)
"""First rank of each bin of a histogram."""
NUM_POINTS = 40
"""Points of a curve."""


@dataclass(frozen=True, slots=True)
class RankHistogram:
    """The share of queries in each bin of ranks, percent, for the tracks of one policy."""

    title: str
    tasks: tuple[str, ...]
    bins: tuple[tuple[str, tuple[float | None, ...]], ...]
    """Label of a bin, and the share of each task; None beyond its number of candidates."""
    curves: tuple[LineDrawing, ...]


def build_rank_histograms(ranks: Mapping[TrackKey, Sequence[QueryRank]]) -> list[RankHistogram]:
    """Return a histogram and curves for each candidate policy of the retrieval tasks."""
    by_policy: dict[str, dict[str, StoredRanks]] = {}
    for key, lines in ranks.items():
        if key.task in RETRIEVAL_TASKS and key.policy and lines:
            columns = by_policy.setdefault(key.policy, {})
            columns[TASK_LABELS[key.task]] = _make_columns(lines)
    return [
        _make_histogram(title, by_policy[policy])
        for policy, title in POLICY_TITLES.items()
        if policy in by_policy
    ]


def _make_columns(ranks: Sequence[QueryRank]) -> StoredRanks:
    return StoredRanks(
        **{
            field.name: np.array([getattr(rank, field.name) for rank in ranks], float)
            for field in fields(StoredRanks)
        }
    )


def _make_histogram(title: str, columns: Mapping[str, StoredRanks]) -> RankHistogram:
    sizes = {task: int(ranks.num_candidates.max()) for task, ranks in columns.items()}
    largest = max(sizes.values())
    starts = [start for start in BIN_STARTS if start <= largest]
    ends = [*(start - 1 for start in starts[1:]), largest]
    shares = {task: _measure_shares(ranks, ends) for task, ranks in columns.items()}
    bins = []
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        percents = tuple(
            100 * (up_to[index] - (up_to[index - 1] if index else 0.0))
            if start <= sizes[task]
            else None
            for task, up_to in shares.items()
        )
        bins.append((str(start) if start == end else f"{start} to {end}", percents))
    return RankHistogram(
        title=title,
        tasks=tuple(columns),
        bins=tuple(bins),
        curves=tuple(_draw_curve(task, ranks, sizes[task]) for task, ranks in columns.items()),
    )


def _measure_shares(ranks: StoredRanks, limits: Sequence[int]) -> list[float]:
    """The share of queries among the first k, from 0 to 1, in the mean over orders of ties."""
    if np.array_equal(ranks.optimistic, ranks.pessimistic):
        counts = np.searchsorted(np.sort(ranks.optimistic), limits, side="right")
        return [float(count) / len(ranks.optimistic) for count in counts]
    return [float(metrics.hit_rate_at_k(ranks, k).mean()) for k in limits]


def _draw_curve(task: str, ranks: StoredRanks, num_candidates: int) -> LineDrawing:
    spaced = np.geomspace(1, num_candidates, NUM_POINTS).round().astype(int).tolist()
    limits = sorted({*spaced, *(k for k in (5, 10, 100) if k <= num_candidates)})
    odds, counts = np.unique(ranks.num_positives / ranks.num_candidates, return_counts=True)
    chances = np.minimum(1, np.outer(limits, odds)) @ counts / counts.sum()
    shares = zip(limits, _measure_shares(ranks, limits), chances.tolist(), strict=True)
    return draw_cumulative_matches(task, list(shares))
