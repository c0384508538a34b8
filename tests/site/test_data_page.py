"""Pages of data sets: what records say, and what was seen of the clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from site_runs import make_dataset, make_rank, make_report, write_site_run

from egoexobench.site.build import render_site
from egoexobench.site.data_page import make_data_pages
from egoexobench.site.data_report import list_examples, make_report_tables
from egoexobench.site.histogram import count_by_interval
from egoexobench.site.inputs import SiteInputs, SiteRun
from egoexobench.site.media import ClipMedia, SiteMedia


@pytest.fixture
def run(tmp_path: Path, invented_records: None) -> SiteRun:
    return write_site_run(tmp_path, "one", [make_rank("a", 1)])


def test_the_report_counts_clips_lengths_levels_and_encodings() -> None:
    tables = make_report_tables(make_report())
    usability = dict(tables.usability)
    assert usability["usable clips"] == 2
    assert usability["clips that cannot be used"] == 1
    assert usability["test pairs with both clips, of 2"] == 1
    assert dict(tables.sounds) == {"good": 1, "silent": 1}
    assert [(row.label, row.num_values) for row in tables.levels] == [("-20 to -19 dBFS", 1)]
    assert sum(row.num_values for row in tables.lengths) == 2
    assert "video h264, 64 x 48, 8 frames/s" in dict(tables.encodings)
    lists = {item.title: item.lines for item in tables.lists}
    assert lists["Silent clips"] == ("c/ego",)


def test_a_page_shows_the_report_without_paths_and_escapes_texts(run: SiteRun) -> None:
    fingerprint = run.record.dataset.fingerprint
    media = SiteMedia(
        {"a/ego": ClipMedia("media/1.mp4", "media/1.jpg", "0z"), "a/exo": ClipMedia(problem="gone")}
    )
    dataset = make_dataset(fingerprint, media)
    files = render_site(SiteInputs((run,), datasets=(dataset,)))
    (page,) = [
        content.decode()
        for path, content in files.items()
        if path.startswith("data/") and path != "data/index.html"
    ]
    assert "/secret" not in page
    assert "<img src=x" not in page
    assert "&lt;/script&gt;" in page
    assert '<a class="play" href="../media/1.mp4"' in page
    assert "No clip: gone." in page
    assert "A run would stop:" in page


def test_a_data_set_that_is_not_opened_has_what_its_records_say(run: SiteRun) -> None:
    index, page = make_data_pages(SiteInputs((run,)))
    assert index.path == "data/index.html"
    assert page.values["report"] is None
    assert page.values["record"] is run.record
    files = render_site(SiteInputs((run,)))
    assert b"The clips were not checked" in files[page.path]


def test_a_data_set_without_runs_has_a_page() -> None:
    dataset = make_dataset("0123", SiteMedia())
    _, page = make_data_pages(SiteInputs((), datasets=(dataset,)))
    assert page.values["record"] is None
    assert [pair.id for pair in list_examples(dataset)] == ["a", "b"]
    assert list_examples(dataset)[0].caption == "a bell rings"


def test_a_data_set_named_index_has_a_page_beside_the_index() -> None:
    dataset = replace(make_dataset("0123", SiteMedia()), spec="index")
    assert len({page.path for page in make_data_pages(SiteInputs((), datasets=(dataset,)))}) == 2


def test_equal_values_are_one_interval_and_values_that_are_no_number_are_none() -> None:
    (only,) = count_by_interval([4.0] * 3, "s")
    assert (only.label, only.num_values) == ("4 to 5 s", 3)
    assert count_by_interval([float("nan")], "s") == []
