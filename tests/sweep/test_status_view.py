"""What is shown of a sweep while it runs."""

from io import StringIO

import pytest
from rich.console import Console
from sweep_records import cell

from egoexobench.sweep.process import CellStatus
from egoexobench.sweep.status_view import LineReporter, LiveTable, render_status

CELLS = [
    cell("one"),
    cell("one", 1),
    cell("one", 2),
    cell("two", overrides=(("anchor", "[bold]"),)),
    cell("one", data="others", taught="films"),
]
STANDING = {
    CELLS[0].fingerprint: CellStatus("skipped"),
    CELLS[1].fingerprint: CellStatus("running", "", 12.4),
    CELLS[2].fingerprint: CellStatus("queued"),
    CELLS[3].fingerprint: CellStatus("failed", "no room is [left]", 3.0),
    CELLS[4].fingerprint: CellStatus("done", "", 61.0),
}


def drawn(what: object) -> str:
    out = StringIO()
    Console(file=out, width=120).print(what)
    return out.getvalue()


def test_the_table_has_a_line_a_row_and_data_set_with_counts_and_reasons() -> None:
    lines = [line.split("  ") for line in drawn(render_status(CELLS, STANDING)).splitlines()]
    cells = [[word.strip() for word in line if word.strip()] for line in lines]
    assert cells[0] == ["1 queued, 1 running, 1 done, 1 skipped, 1 failed"]
    assert ["one", "films", "1 queued, 1 running, 1 skipped", "12 s"] in cells
    assert ["two anchor=[bold]", "films", "1 failed", "no room is [left]"] in cells
    assert ["one", "others, trained on films", "1 done"] in cells


def test_the_screen_draws_the_last_standing_it_was_shown() -> None:
    screen = LiveTable(CELLS)
    screen(STANDING)
    assert drawn(screen) == drawn(render_status(CELLS, STANDING))


def test_elsewhere_each_cell_that_ends_is_one_line_and_said_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = LineReporter(CELLS)
    lines(STANDING)
    lines(STANDING)
    assert capsys.readouterr().err.splitlines() == [
        "failed  two anchor=[bold]  films  seed 0  3 s  no room is [left]",
        "done  one  others, trained on films  seed 0  61 s",
    ]
