"""Renders the board as one HTML file that needs no other file, no script and no network."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING

from egoexobench.leaderboard.board_text import (
    DASH,
    STANDING_MARKS,
    format_header,
    format_number,
    format_row_seeds,
    get_note_letter,
    list_footnotes,
    list_reference_rows,
)
from egoexobench.leaderboard.markdown import READING_TEXTS
from egoexobench.leaderboard.markdown_board import ORIGIN_TITLES
from egoexobench.leaderboard.reported_grid import make_reported_grid
from egoexobench.visible_text import make_visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from egoexobench.evaluation.results import MetricUnit
    from egoexobench.leaderboard.board import Board, BoardCell, BoardColumn, BoardRow, BoardTable
    from egoexobench.leaderboard.reported import ReportedTable

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 0 0 .5rem; }
caption { font-weight: 600; padding: .5rem 0; text-align: left; }
th, td { border-bottom: 1px solid #8886; padding: .3rem .6rem; text-align: left;
  vertical-align: top; }
th { font-weight: 600; overflow-wrap: anywhere; }
.number { font-variant-numeric: tabular-nums; text-align: right; }
td.number { white-space: nowrap; }
.small { display: block; font-size: .8em; font-weight: 400; opacity: .8; }
.level th, .level td { font-style: italic; font-weight: 400; opacity: .8; }
.note { font-size: .85em; margin: 0 0 .25rem; }
"""
_STYLE_HASH = b64encode(sha256(STYLE.encode()).digest()).decode()
_HEAD = (
    '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    f"style-src 'sha256-{_STYLE_HASH}'\">\n<title>Leaderboard</title>\n<style>{STYLE}</style>\n"
)


def render_html(board: Board) -> str:
    """Return a complete page; every text in it is escaped."""
    parts = ["<h1>Leaderboard</h1>", *(_render_table(table) for table in board.tables)]
    if board.reported:
        parts.append("<h2>Reported by papers</h2>")
    parts += [_render_reported(table) for table in board.reported]
    parts += ["<h2>How to read it</h2>", *map(_render_note, READING_TEXTS)]
    return _HEAD + "<main>\n" + "\n".join(parts) + "\n</main>\n</html>\n"


def _render_table(table: BoardTable) -> str:
    policy = f" ({table.policy})" if table.policy else ""
    caption = f"{ORIGIN_TITLES[table.origin]} on {table.dataset}: {table.title}{policy}"
    header = [_render_cell("th", "Method")]
    header += [_render_number("th", format_header(column)) for column in table.columns]
    notes = table.list_notes()
    rows = [_render_row(_iter_cells(row, table.columns, notes)) for row in table.rows]
    for name, mark, cells in list_reference_rows(table):
        level = [_render_cell("th", " ".join(filter(None, (name, mark))))]
        level += [_render_number("td", text) for text in cells]
        rows.append(_render_row(level, is_level=True))
    return _render_grid(caption, header, rows, list_footnotes(table))


def _iter_cells(
    row: BoardRow, columns: Sequence[BoardColumn], notes: Sequence[str]
) -> Iterator[str]:
    mark = " †" if row.uses_extra_inputs else ""
    letters = "".join(f" ({get_note_letter(notes.index(note))})" for note in row.notes)
    yield f"<th>{_escape(f'{row.label}{mark}{letters}')}{_render_small(_describe_row(row))}</th>"
    for cell, column in zip(row.cells, columns, strict=True):
        yield _render_score(cell, column.unit, notes) if cell else _render_number("td", DASH)


def _describe_row(row: BoardRow) -> str:
    """Evidence, scale, seeds and checks, which stand below the name of a method."""
    seeds = format_row_seeds(row)
    facts = [row.evidence, row.scale, "not trained" if seeds == DASH else f"seeds {seeds}"]
    return " · ".join((*facts, *(check.text for check in row.checks)))


def _render_score(cell: BoardCell, unit: MetricUnit, notes: Sequence[str]) -> str:
    value = format_number(cell.value, unit)
    if cell.standing == "best":
        value = f"<strong>{value}</strong>"
    value += STANDING_MARKS.get(cell.standing or "below", "")
    if cell.note:
        value += f" ({get_note_letter(notes.index(cell.note))})"
    if cell.low is not None and cell.high is not None:
        low, high = format_number(cell.low, unit), format_number(cell.high, unit)
        value += _render_small(f"[{low}, {high}]")
    return f'<td class="number">{value}</td>'


def _render_reported(table: ReportedTable) -> str:
    grid = make_reported_grid(table)
    rows = [_render_row(_render_reported_cells(row)) for row in grid.rows]
    rows += [_render_row(_render_reported_cells(row), is_level=True) for row in grid.references]
    header = [_render_cell("th", text) for text in grid.header]
    caption = f"{table.caption} ({grid.source}; {grid.metric})"
    return _render_grid(caption, header, rows, grid.notes)


def _render_reported_cells(row: Sequence[str]) -> list[str]:
    name, method, *numbers = row
    cells = [_render_cell("th", name), _render_cell("td", method)]
    return cells + [_render_number("td", number) for number in numbers]


def _render_grid(
    caption: str, header: Iterable[str], rows: Iterable[str], notes: Iterable[str]
) -> str:
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{_escape(caption)}">\n'
        f"<table>\n<caption>{_escape(caption)}</caption>\n"
        f"<thead>\n{_render_row(header)}\n</thead>\n<tbody>\n"
        + "\n".join(rows)
        + "\n</tbody>\n</table>\n</div>\n"
        + "\n".join(map(_render_note, notes))
    )


def _render_row(cells: Iterable[str], *, is_level: bool = False) -> str:
    start = '<tr class="level">' if is_level else "<tr>"
    return f"{start}{''.join(cells)}</tr>"


def _render_cell(tag: str, text: str) -> str:
    return f"<{tag}>{_escape(text)}</{tag}>"


def _render_number(tag: str, text: str) -> str:
    return f'<{tag} class="number">{_escape(text)}</{tag}>'


def _render_small(text: str) -> str:
    return f'<span class="small">{_escape(text)}</span>'


def _render_note(text: str) -> str:
    return f'<p class="note">{_escape(text)}</p>'


def _escape(text: str) -> str:
    return escape(make_visible(text))
