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
    bins = []
    for start, end in zip(starts, [*(start - 1 for start in starts[1:]), largest], strict=True):
        shares = tuple(
            _measure_share(ranks, start, end) if start <= sizes[task] else None
            for task, ranks in columns.items()
        )
        bins.append((str(start) if start == end else f"{start} to {end}", shares))
    return RankHistogram(
        title=title,
        tasks=tuple(columns),
        bins=tuple(bins),
        curves=tuple(_draw_curve(task, ranks, sizes[task]) for task, ranks in columns.items()),
    )


def _measure_share(ranks: StoredRanks, first: int, last: int) -> float:
    """The percentage of queries from one rank to another, in the mean over orders of ties."""
    below = metrics.hit_rate_at_k(ranks, first - 1).mean() if first > 1 else 0.0
    return 100 * float(metrics.hit_rate_at_k(ranks, last).mean() - below)


def _draw_curve(task: str, ranks: StoredRanks, num_candidates: int) -> LineDrawing:
    spaced = np.geomspace(1, num_candidates, NUM_POINTS).round().astype(int)
    shares = [
        (
            k,
            float(metrics.hit_rate_at_k(ranks, k).mean()),
            float(np.minimum(1, k * ranks.num_positives / ranks.num_candidates).mean()),
        )
        for k in sorted({*spaced.tolist(), *(k for k in (5, 10, 100) if k <= num_candidates)})
    ]
    return draw_cumulative_matches(task, shares)
