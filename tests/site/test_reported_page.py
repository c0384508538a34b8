"""Printed scores beside reproduced ones: apart, and a difference only on one data set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from invented_records import make_record, make_score

from egoexobench.records.store import write_record
from egoexobench.site.build import render_site
from egoexobench.site.inputs import load_site_inputs

LEADERBOARDS = Path(__file__).parents[2] / "leaderboards"


def render_reported(*paths: Path) -> str:
    return render_site(load_site_inputs(paths, LEADERBOARDS))["reported.html"].decode()


def test_a_run_on_another_data_set_gives_no_difference(write_run: Callable[..., Path]) -> None:
    page = render_reported(write_run("egoexo"))
    assert '<td class="number" data-value="50.27">50.27</td>' in page
    assert "which is not a data set of the paper" in page
    assert "Reproduced − reported" not in page


def test_a_run_on_the_data_set_of_a_paper_stands_beside_it_with_the_difference(
    tmp_path: Path, invented_records: None
) -> None:
    score = make_score("eg2ex", "mcq20", 53.2, n=1000)
    record = make_record("soundbridge", 0, (score,), dataset="egoexolearn:path=.../data")
    page = render_reported(write_record(record, (), tmp_path))
    row = next(line for line in page.splitlines() if ">+2.9<" in line)
    assert ">50.27<" in row
    assert ">53.2<" in row
    assert "48.2 to 58.2" in row
    assert "queries: 1100 in the paper, inferred, 1000 in ours" in row
    assert "candidates" not in row.partition("queries:")[2]
