"""The pages that compare two runs query by query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from egoexobench.comparison import LoadedRun, compare_runs
from egoexobench.errors import DataError
from egoexobench.evaluation.significance import ALPHA
from egoexobench.records.field_types import strip_absolute_paths
from egoexobench.site.interval_drawing import (
    ColumnScale,
    IntervalDrawing,
    draw_interval,
    make_column_scale,
)
from egoexobench.site.page import Page
from egoexobench.site.scatter_drawing import ScatterDrawing, draw_rank_scatter
from egoexobench.site.shared_track import collect_shared_tracks, label_runs, select_runs
from egoexobench.types import TrackKey

if TYPE_CHECKING:
    from egoexobench.comparison import PairedComparison, QueryKey
    from egoexobench.records.schema import QueryRank
    from egoexobench.site.inputs import SiteInputs, SiteRun
    from egoexobench.site.shared_track import SharedTrack

MAX_RUNS = 6
"""Runs of a data set of which every two are compared."""
MAX_PAIRS = 30
"""Pairs of a site: each takes some milliseconds a track."""
NUM_WON = 8
"""Queries that a page names for each run."""
METRIC = "hit_rate_at_1"


class WonQuery(NamedTuple):
    """A query that a run ranks higher than the other one."""

    source: str
    ranks: tuple[str, str]
    link: str | None


@dataclass(frozen=True, slots=True)
class TrackComparison:
    """What a page shows of one track."""

    comparison: PairedComparison
    key: TrackKey
    drawing: IntervalDrawing
    verdict: str
    scatter: ScatterDrawing
    won: tuple[tuple[WonQuery, ...], tuple[WonQuery, ...]]
    num_won: tuple[int, int]
    links: tuple[str, str] | None
    """The queries that each run wins, among all queries of the track."""


class PairEntry(NamedTuple):
    """A pair of the list: its page, or why there is none."""

    labels: tuple[str, str]
    dataset: str
    path: str | None
    tracks: tuple[TrackComparison, ...]
    problem: str


class _Pair(NamedTuple):
    runs: tuple[SiteRun, SiteRun]
    labels: tuple[str, str]


def make_compare_pages(inputs: SiteInputs) -> list[Page]:
    """Return a page for each pair that is compared, and the list of them."""
    pairs = _select_pairs(inputs.runs)
    if not pairs:
        return []
    entries = [_compare_pair(pair, inputs.shared_tracks) for pair in pairs]
    pages = [
        Page(
            path=entry.path,
            title=f"Compare: {entry.labels[0]} and {entry.labels[1]}",
            template="compare_pair.html",
            values={"entry": entry, "runs": pair.runs},
        )
        for entry, pair in zip(entries, pairs, strict=True)
        if entry.path
    ]
    values = {"entries": entries, "max_runs": MAX_RUNS, "num_runs": len(inputs.runs)}
    return [Page("compare/index.html", "Compare two runs", "compare.html", values), *pages]


def _select_pairs(runs: Sequence[SiteRun]) -> list[_Pair]:
    """Return every two of the best runs of each data set, one of each method before others."""
    by_dataset: dict[str, list[SiteRun]] = {}
    for run in runs:
        if run.ranks:
            by_dataset.setdefault(run.record.dataset.fingerprint, []).append(run)
    pairs = []
    for group in by_dataset.values():
        tracks = collect_shared_tracks(group)
        main_key = (
            max(tracks, key=lambda track: track.num_runs).key if tracks else TrackKey("eg2ex", None)
        )
        selected = select_runs(group, main_key, MAX_RUNS)
        labeled = list(zip(selected, label_runs(selected), strict=True))
        pairs += [
            _Pair((first, second), (first_label, second_label))
            for (first, first_label), (second, second_label) in combinations(labeled, 2)
        ]
    return pairs[:MAX_PAIRS]


def _compare_pair(pair: _Pair, tracks: Sequence[SharedTrack]) -> PairEntry:
    first, second = (LoadedRun(run.path, run.record, run.ranks_by_query) for run in pair.runs)
    dataset = pair.runs[0].record.dataset.spec
    try:
        comparisons = compare_runs([first, second], names=(METRIC,))
    except DataError as error:
        problem = strip_absolute_paths(str(error))
        return PairEntry(pair.labels, dataset, path=None, tracks=(), problem=problem)
    scale = make_column_scale(
        [bound for item in comparisons for bound in (item.low, item.high, -item.low, -item.high)]
    )
    assert scale is not None  # noqa: S101 - there is at least one comparison
    path = f"compare/{pair.runs[0].record.id}--{pair.runs[1].record.id}.html"
    compared = tuple(
        _describe_track(item, pair, (first, second), scale=scale, tracks=tracks)
        for item in comparisons
    )
    return PairEntry(pair.labels, dataset, path=path, tracks=compared, problem="")


def _describe_track(
    comparison: PairedComparison,
    pair: _Pair,
    runs: tuple[LoadedRun, LoadedRun],
    *,
    scale: ColumnScale,
    tracks: Sequence[SharedTrack],
) -> TrackComparison:
    key = TrackKey(comparison.task, comparison.policy)
    left, right = (run.ranks[key] for run in runs)
    queries = [query for query in left if query in right]
    ids = {run.record.id for run in pair.runs}
    track = next(
        (
            track
            for track in tracks
            if track.key == key and ids <= {run.record.id for run in track.runs}
        ),
        None,
    )
    won = _rank_wins(queries, left, right), _rank_wins(queries, right, left)
    return TrackComparison(
        comparison=comparison,
        key=key,
        drawing=draw_interval(
            scale, comparison.difference, low=comparison.low, high=comparison.high, chance=0.0
        ),
        verdict=_describe_verdict(comparison, pair.labels),
        scatter=draw_rank_scatter(
            [(_get_middle(left[query]), _get_middle(right[query])) for query in queries],
            max(left[query].num_candidates for query in queries),
        ),
        won=(
            tuple(_describe_query(query, left, right, track) for query in won[0][:NUM_WON]),
            tuple(_describe_query(query, left, right, track) for query in won[1][:NUM_WON]),
        ),
        num_won=(len(won[0]), len(won[1])),
        links=_link_wins(pair, track),
    )


def _describe_verdict(comparison: PairedComparison, labels: tuple[str, str]) -> str:
    if comparison.corrected_p >= ALPHA:
        return "not separable"
    return f"{labels[0] if comparison.difference > 0 else labels[1]} is better"


def _rank_wins(
    queries: Sequence[QueryKey],
    winner: Mapping[QueryKey, QueryRank],
    loser: Mapping[QueryKey, QueryRank],
) -> list[QueryKey]:
    """Return the queries that one run ranks higher, the largest lead in reciprocal rank first."""
    leads = {
        query: 1 / _get_middle(winner[query]) - 1 / _get_middle(loser[query]) for query in queries
    }
    return sorted((query for query in queries if leads[query] > 0), key=lambda q: (-leads[q], q))


def _describe_query(
    query: QueryKey,
    left: Mapping[QueryKey, QueryRank],
    right: Mapping[QueryKey, QueryRank],
    track: SharedTrack | None,
) -> WonQuery:
    source, _, repeat = query
    link = f"{track.path}#{urlencode({'query': source})}" if track and not repeat else None
    return WonQuery(source, (_format_rank(left[query]), _format_rank(right[query])), link)


def _link_wins(pair: _Pair, track: SharedTrack | None) -> tuple[str, str] | None:
    if track is None:
        return None
    first, second = (run.record.id for run in pair.runs)
    return (
        f"{track.path}#{urlencode({'show': 'won', 'a': first, 'b': second})}",
        f"{track.path}#{urlencode({'show': 'won', 'a': second, 'b': first})}",
    )


def _get_middle(rank: QueryRank) -> float:
    return (rank.optimistic + rank.pessimistic) / 2


def _format_rank(rank: QueryRank) -> str:
    low, high = rank.optimistic, rank.pessimistic
    return str(low) if low == high else f"{low}-{high}"
