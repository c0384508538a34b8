"""Pages of two runs: differences with intervals, ranks, and the queries that each one wins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from site_runs import make_rank, write_site_run

from egoexobench.comparison import LoadedRun, compare_runs, index_ranks
from egoexobench.records.check_ranks import group_by_track
from egoexobench.site.build import render_site
from egoexobench.site.compare_page import MAX_PAIRS, make_compare_pages
from egoexobench.site.inputs import SiteInputs, SiteRun

FIRST = {"a": 1, "b": 1, "c": 4, "d": 1, "e": 1, "f": 1, "g": 1, "h": 2}
SECOND = {"a": 3, "b": 1, "c": 1, "d": 4, "e": 4, "f": 4, "g": 4, "h": 2}


@pytest.fixture
def runs(tmp_path: Path, invented_records: None) -> tuple[SiteRun, SiteRun]:
    """Two runs on eight queries; the first one is better on five and the second on one."""
    first, second = (
        [make_rank(source, rank) for source, rank in ranks.items()] for ranks in (FIRST, SECOND)
    )
    return (
        write_site_run(tmp_path, "one", first),
        write_site_run(tmp_path, "two", second, value=40.0),
    )


def test_a_pair_has_the_differences_of_the_command_compare(runs: tuple[SiteRun, SiteRun]) -> None:
    (entry,) = make_compare_pages(SiteInputs(runs))[0].values["entries"]
    (track,) = entry.tracks
    loaded = [LoadedRun(run.path, run.record, index_ranks(run.ranks)) for run in runs]
    assert [track.comparison] == compare_runs(loaded, names=("hit_rate_at_1",))
    assert track.comparison.difference == 50.0
    assert track.drawing.low < track.drawing.value < track.drawing.high
    assert track.drawing.chance == 50.0


def test_the_queries_that_each_run_wins_lead_to_the_explorer(
    runs: tuple[SiteRun, SiteRun],
) -> None:
    (entry,) = make_compare_pages(SiteInputs(runs))[0].values["entries"]
    (track,) = entry.tracks
    assert track.num_won == (5, 1)
    assert [query.source for query in track.won[0]] == [f"{name}/ego" for name in "defga"]
    (lost,) = track.won[1]
    assert lost.ranks == ("4", "1")
    assert lost.link.endswith("-eg2ex-gallery.html#query=c%2Fego")
    ids = [run.record.id for run in runs]
    assert track.links[1].endswith(f"#show=won&a={ids[1]}&b={ids[0]}")
    assert sum(circle.num_queries for circle in track.scatter.circles) == 8
    files = render_site(SiteInputs(runs))
    page = files[f"compare/{ids[0]}--{ids[1]}.html"].decode()
    assert "5 queries are above the diagonal, 1 below" in page


def test_runs_that_share_no_track_are_listed_with_the_reason(
    runs: tuple[SiteRun, SiteRun],
) -> None:
    ranks = [
        rank.model_copy(update={"task": "ex2eg"})
        for rank in runs[1].ranks[next(iter(runs[1].ranks))]
    ]
    scores = tuple(score.model_copy(update={"task": "ex2eg"}) for score in runs[1].record.scores)
    record = runs[1].record.model_copy(update={"scores": scores})
    other = replace(runs[1], record=record, ranks=group_by_track(ranks))
    pages = make_compare_pages(SiteInputs((runs[0], other)))
    assert [page.path for page in pages] == ["compare/index.html"]
    (entry,) = pages[0].values["entries"]
    assert "not scored on the same task" in entry.problem or "no two of" in entry.problem


def test_runs_of_two_data_sets_are_no_pair_and_pairs_are_limited(
    runs: tuple[SiteRun, SiteRun],
) -> None:
    dataset = runs[1].record.dataset.model_copy(update={"fingerprint": "other"})
    other = replace(runs[1], record=runs[1].record.model_copy(update={"dataset": dataset}))
    assert make_compare_pages(SiteInputs((runs[0], other))) == []
    many = []
    for number in range(6 * MAX_PAIRS):
        source = runs[0].record
        dataset = source.dataset.model_copy(update={"fingerprint": f"data {number // 2}"})
        fields = {"id": f"run{number}", "dataset": dataset}
        many.append(replace(runs[0], record=source.model_copy(update=fields)))
    assert len(make_compare_pages(SiteInputs(tuple(many)))[0].values["entries"]) == MAX_PAIRS
