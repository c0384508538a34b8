"""The status of a running sweep."""

from io import StringIO

import pytest
from sweep_records import make_cell

from egoexobench.sweep.process import CellStatus
from egoexobench.sweep.status_view import LineReporter, LiveTable, render_status
from egoexobench.terminal import create_console

CELLS = [
    make_cell("one"),
    make_cell("one", 1),
    make_cell("one", 2),
    make_cell("two", overrides=(("anchor", "[bold]"),)),
    make_cell("one", data="others", trained_on="films"),
]
STATUS = {
    CELLS[0].run_key: CellStatus("skipped"),
    CELLS[1].run_key: CellStatus("running", "", 12.4),
    CELLS[2].run_key: CellStatus("queued"),
    CELLS[3].run_key: CellStatus("failed", "no room is [left]", 3.0),
    CELLS[4].run_key: CellStatus("done", "", 61.0),
}


def render_text(renderable: object) -> str:
    out = StringIO()
    create_console(out, width=120).print(renderable)
    return out.getvalue()


def test_the_table_has_a_line_for_each_row_and_data_set_with_counts_and_reasons() -> None:
    lines = [line.split("  ") for line in render_text(render_status(CELLS, STATUS)).splitlines()]
    cells = [[word.strip() for word in line if word.strip()] for line in lines]
    assert cells[0] == ["1 queued, 1 running, 1 done, 1 skipped, 1 failed"]
    assert ["one", "films", "1 queued, 1 running, 1 skipped", "12 s"] in cells
    assert ["two anchor=[bold]", "films", "1 failed", "no room is [left]"] in cells
    assert ["one", "others, trained on films", "1 done"] in cells


def test_the_screen_shows_the_last_status() -> None:
    screen = LiveTable(CELLS)
    screen(STATUS)
    assert render_text(screen) == render_text(render_status(CELLS, STATUS))


def test_without_a_terminal_each_finished_cell_is_one_line_printed_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = LineReporter(CELLS)
    lines(STATUS)
    lines(STATUS)
    assert capsys.readouterr().err.splitlines() == [
        "failed  two anchor=[bold]  films  seed 0  3 s  no room is [left]",
        "done  one  others, trained on films  seed 0  61 s",
    ]
