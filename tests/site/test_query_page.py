"""Pages of queries: ranks and first candidates of runs side by side."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from site_runs import HOSTILE, make_dataset, make_rank, write_site_run

from egoexobench.records.artifacts import TOP_SUFFIX, hash_artifact
from egoexobench.site.build import render_site
from egoexobench.site.inputs import SiteInputs, SiteRun
from egoexobench.site.media import ClipMedia, SiteMedia
from egoexobench.site.opened_dataset import OpenedDataset
from egoexobench.site.query_page import list_rows, make_query_pages
from egoexobench.site.query_table import QueryTable, build_query_table
from egoexobench.site.run_page import make_run_pages
from egoexobench.site.shared_track import collect_shared_tracks


@pytest.fixture
def runs(tmp_path: Path) -> tuple[SiteRun, ...]:
    """Two runs with three queries in all, of which both scored one."""
    first = [make_rank("a", 1), make_rank("b", 2, 3)]
    top = [("a/exo", 0.91239), ("b/exo", 0.5)]
    return (
        write_site_run(tmp_path, "one", first, top=top),
        write_site_run(tmp_path, "two", [make_rank("c", 4), make_rank("a", 3)], value=40.0),
    )


def build_table(runs: tuple[SiteRun, ...], dataset: OpenedDataset | None = None) -> QueryTable:
    (track,) = collect_shared_tracks(runs)
    return build_query_table(track, dataset)


def test_queries_of_all_runs_stand_side_by_side(runs: tuple[SiteRun, ...]) -> None:
    table = build_table(runs)
    sources = [table.items.ids[item] for item in table.sources]
    assert sources == ["a/ego", "b/ego", "c/ego"]
    assert [run.label for run in table.runs] == ["one", "two"]
    assert [run.ranks for run in table.runs] == [(1, 2, None), (3, None, 4)]
    assert table.runs[0].ties == {1: 3}
    assert [row.ranks for row in list_rows(table, 9)] == [("✓ 1", "3"), ("2-3", ""), ("", "4")]


def test_first_candidates_are_those_of_their_query(runs: tuple[SiteRun, ...]) -> None:
    first, second = build_table(runs).runs
    assert first.top is not None
    ids = build_table(runs).items.ids
    assert [ids[item] for item in first.top[0] or ()] == ["a/exo", "b/exo"]
    assert first.top[1:] == (None, None)
    assert first.scores == ((0.912, 0.5), None, None)
    assert second.top is None


def test_damaged_first_candidates_are_a_line_and_the_ranks_are_shown(
    runs: tuple[SiteRun, ...],
) -> None:
    file = runs[0].path.with_suffix(TOP_SUFFIX)
    file.write_text(file.read_text().replace("0.5", "0.6"))
    _, page = make_query_pages(SiteInputs(runs))
    assert f"{file.name} is not the file that" in page.values["notes"][0]
    assert isinstance(page.data, QueryTable)
    assert [run.top for run in page.data.runs] == [None, None]
    assert [run.ranks for run in page.data.runs] == [(1, 2, None), (3, None, 4)]


def test_a_wrong_line_of_first_candidates_is_a_line_on_both_pages(
    runs: tuple[SiteRun, ...],
) -> None:
    file = runs[0].path.with_suffix(TOP_SUFFIX)
    file.write_text('{"task": "eg2ex"}\n')
    digest = hash_artifact(file)
    artifacts = tuple(
        item.model_copy(update={"sha256": digest}) if item.file == file.name else item
        for item in runs[0].record.artifacts
    )
    record = runs[0].record.model_copy(update={"artifacts": artifacts})
    inputs = SiteInputs((replace(runs[0], record=record), runs[1]))
    _, page = make_query_pages(inputs)
    line = page.values["notes"][0]
    assert line.startswith(f".../{file.name}, line 1: policy: Field required")
    assert [run.values["problems"] for run in make_run_pages(inputs)] == [[line[:-1]], []]


def test_a_data_set_adds_texts_captions_and_media(runs: tuple[SiteRun, ...]) -> None:
    media = SiteMedia(
        {
            "a/ego": ClipMedia("media/1.mp4", "media/1.jpg", "0z"),
            "b/ego": ClipMedia(problem="it has too few frames"),
        }
    )
    items = build_table(runs, make_dataset(runs[0].record.dataset.fingerprint, media)).items
    columns: dict[str, Any] = {
        name: dict(zip(items.ids, getattr(items, name), strict=True))
        for name in ("texts", "captions", "videos", "outlines", "problems")
    }
    assert columns["texts"]["a/ego"] == "ego a"
    assert columns["captions"] == dict.fromkeys(items.ids, None) | {
        "a/ego": "a bell rings",
        "a/exo": "a bell rings",
    }
    assert columns["videos"]["a/ego"] == "../media/1.mp4"
    assert columns["videos"]["b/ego"] is None
    assert columns["problems"]["b/ego"] == "it has too few frames"
    assert columns["outlines"]["a/ego"] == "0z"


def test_a_hostile_narration_stays_text(runs: tuple[SiteRun, ...]) -> None:
    dataset = make_dataset(runs[0].record.dataset.fingerprint, SiteMedia())
    files = render_site(SiteInputs(runs, datasets=(dataset,)))
    (page,) = [files[path] for path in files if path.startswith("queries/synthetic")]
    assert b"<img" not in page
    embedded = re.search(rb'id="data">(.*?)</script>', page)
    assert embedded is not None
    assert HOSTILE in json.loads(embedded[1])["items"]["texts"]


def test_runs_of_other_data_are_on_a_page_of_their_own(
    runs: tuple[SiteRun, ...], tmp_path: Path
) -> None:
    dataset = runs[0].record.dataset.model_copy(update={"fingerprint": "other"})
    record = runs[0].record.model_copy(update={"dataset": dataset})
    other = replace(runs[0], record=record)
    pages = make_query_pages(SiteInputs((*runs, other)))
    track = "queries/synthetic-size-standard-97ddc86e-eg2ex-gallery"
    index, first, second = (page.path for page in pages)
    assert (index, first) == ("queries/index.html", f"{track}.html")
    assert re.fullmatch(f"{track}-[0-9a-f]{{8}}.html", second)
    assert make_query_pages(SiteInputs(())) == []


def test_each_of_three_data_sets_of_one_name_has_its_page(runs: tuple[SiteRun, ...]) -> None:
    others = []
    for fingerprint in ("other", "third"):
        data = runs[0].record.dataset.model_copy(update={"fingerprint": fingerprint})
        record = runs[0].record.model_copy(update={"dataset": data})
        others.append(replace(runs[0], record=record))
    tracks = collect_shared_tracks([*runs, *others])
    assert [track.num_runs for track in tracks] == [2, 1, 1]
    assert len({track.path for track in tracks}) == 3


def test_a_page_shows_each_method_before_its_repeats_and_says_what_it_leaves_out(
    tmp_path: Path,
) -> None:
    seeds = [
        write_site_run(
            tmp_path, f"method{number}", [make_rank("a", 1)], seed=seed, value=10.0 * number
        )
        for number in range(6)
        for seed in (0, 1)
    ]
    (track,) = collect_shared_tracks(seeds)
    shown = [(run.record.method.name, run.record.seed) for run in track.runs]
    assert len(shown) == 10
    assert {name for name, _ in shown} == {f"method{number}" for number in range(6)}
    assert shown[:2] == [("method5", 0), ("method5", 1)]
    _, page = make_query_pages(SiteInputs(tuple(seeds)))
    assert page.values["notes"][0].startswith("10 of 12 runs are shown")
