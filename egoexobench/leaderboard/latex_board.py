r"""Renders the board as LaTeX: a ``table*`` of booktabs for each table, as wide as two columns."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from egoexobench.leaderboard.board_text import (
    DASH,
    format_header,
    format_number,
    format_row_seeds,
    get_note_letter,
    list_footnotes,
    list_reference_rows,
)
from egoexobench.leaderboard.latex_text import escape_latex, escape_latex_name
from egoexobench.leaderboard.markdown_board import ORIGIN_TITLES
from egoexobench.leaderboard.reported_grid import make_reported_grid
from egoexobench.records.store import make_slug

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from egoexobench.evaluation.results import MetricUnit
    from egoexobench.leaderboard.board import Board, BoardCell, BoardRow, BoardTable
    from egoexobench.leaderboard.reported import ReportedTable

PREAMBLE = (
    "% Written by `egoexobench leaderboard`. Needs \\usepackage{booktabs}; \\input this file.\n"
    "% Letters that pdfLaTeX lacks, such as Chinese ones, need LuaLaTeX or XeLaTeX.\n"
)
EVIDENCE_LETTERS = {"video": "V", "audio": "A", "narration": "N", "sound_caption": "S"}
CAPTION = (
    "Mean over seeds; below it its 95\\,\\% interval over queries and seeds. "
    "Bold: the best row of a column; $\\approx$: a row that a paired test cannot tell from it; "
    "?: not tested. Evidence: V frames, A sound, N narration, S sound caption."
)
STANDING_MARKS = {"level": r"$^{\approx}$", "untested": r"$^{?}$"}


def render_latex(board: Board) -> str:
    """Return every table as a float of its own; names are escaped."""
    parts = [_render_table(table, index) for index, table in enumerate(board.tables)]
    parts += [_render_reported(table) for table in board.reported]
    return PREAMBLE + "\n".join(parts)


def _render_table(table: BoardTable, index: int) -> str:
    notes = table.list_notes()
    scales = {row.scale for row in table.rows}
    scale = f", {scales.pop()} scale" if len(scales) == 1 else ""
    policy = f" ({table.policy})" if table.policy else ""
    origin = f"{ORIGIN_TITLES[table.origin]} on {table.dataset}{scale}"
    caption = f"{escape_latex(f'{origin}: {table.title}{policy}.')} {CAPTION}"
    header = ["Method", "Evidence", "Seeds"]
    header += [escape_latex(format_header(column)) for column in table.columns]
    rows = [_list_cells(row, table, notes, show_scale=not scale) for row in table.rows]
    levels = [
        [rf"\emph{{{escape_latex(name + mark)}}}", "", "", *map(escape_latex, cells)]
        for name, mark, cells in list_reference_rows(table)
    ]
    return _render_float(
        caption=caption,
        label=f"tab:{make_slug(table.dataset)}-{index + 1}",
        columns=rf"@{{}}p{{0.26\textwidth}}p{{0.08\textwidth}}r{'r' * len(table.columns)}@{{}}",
        header=header,
        bodies=(rows, levels),
        notes=[escape_latex(note) for note in list_footnotes(table)],
    )


def _list_cells(
    row: BoardRow, table: BoardTable, notes: Sequence[str], *, show_scale: bool
) -> Iterator[str]:
    marks = "".join(get_note_letter(notes.index(note)) for note in row.notes)
    dagger = r"\textdagger{}" if row.uses_extra_inputs else ""
    scale = f" ({row.scale})" if show_scale else ""
    yield rf"\raggedright {escape_latex_name(row.label + scale)}{dagger}{_raise_marks(marks)}"
    yield rf"\raggedright {_format_evidence(row)}"
    yield _count_seeds(row)
    for cell, column in zip(row.cells, table.columns, strict=True):
        yield _format_cell(cell, column.unit, notes) if cell else DASH


def _count_seeds(row: BoardRow) -> str:
    seeds = {seed for cell in row.cells if cell for seed in cell.seeds}
    return DASH if format_row_seeds(row) == DASH else str(len(seeds))


def _format_evidence(row: BoardRow) -> str:
    """The letters of both sides, or the words of a row whose evidence is claimed or not known."""
    sides = (row.video_evidence, row.text_evidence)
    if not all(name in EVIDENCE_LETTERS for side in sides for name in side):
        return escape_latex(row.evidence)
    letters = ["".join(EVIDENCE_LETTERS[name] for name in side) or DASH for side in sides]
    source = row.evidence.partition(" (")[2].removesuffix(")")
    if row.evidence == "unknown":
        return "unknown"
    return ", ".join(letters) + (f" ({escape_latex(source)})" if source else "")


def _format_cell(cell: BoardCell, unit: MetricUnit, notes: Sequence[str]) -> str:
    text = format_number(cell.value, unit)
    if cell.standing == "best":
        text = rf"\textbf{{{text}}}"
    text += STANDING_MARKS.get(cell.standing or "below", "")
    if cell.note:
        text += _raise_marks(get_note_letter(notes.index(cell.note)))
    if cell.low is not None and cell.high is not None:
        low, high = format_number(cell.low, unit), format_number(cell.high, unit)
        interval = rf"{{\tiny[{low}, {high}]}}"
        return rf"\begin{{tabular}}[t]{{@{{}}r@{{}}}}{text}\\{interval}\end{{tabular}}"
    return text


def _raise_marks(letters: str) -> str:
    return rf"\textsuperscript{{{letters}}}" if letters else ""


def _render_reported(table: ReportedTable) -> str:
    grid = make_reported_grid(table)
    return _render_float(
        caption=escape_latex(f"Reported: {table.caption} ({grid.source}; {grid.metric})."),
        label=f"tab:reported-{table.table}",
        columns=rf"@{{}}p{{0.175\textwidth}}p{{0.12\textwidth}}{'r' * len(table.columns)}@{{}}",
        groups=_join_cells(_list_dataset_spans(table)),
        header=[
            *map(escape_latex, grid.header[:2]),
            *(escape_latex(c.header) for c in table.columns),
        ],
        bodies=tuple(
            [_list_reported_cells(row) for row in rows] for rows in (grid.rows, grid.references)
        ),
        notes=[escape_latex(note) for note in grid.notes],
    )


def _list_dataset_spans(table: ReportedTable) -> Iterator[str]:
    """The names of data sets, each above its columns."""
    yield from ("", "")
    for dataset, columns in groupby(table.columns, lambda column: column.dataset):
        name = escape_latex_name(table.datasets[dataset])
        yield rf"\multicolumn{{{len(list(columns))}}}{{r}}{{{name}}}"


def _list_reported_cells(row: Sequence[str]) -> Iterator[str]:
    name, method, *numbers = row
    yield rf"\raggedright {escape_latex_name(name)}"
    yield rf"\raggedright {escape_latex_name(method)}"
    yield from (escape_latex(number).replace(" / ", "/") for number in numbers)


def _render_float(
    *,
    caption: str,
    label: str,
    columns: str,
    header: Iterable[str],
    bodies: Iterable[Iterable[Iterable[str]]],
    notes: Sequence[str],
    groups: str = "",
) -> str:
    lines = [
        r"\begin{table*}[t]",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{caption}}}",
        rf"\label{{{label}}}\par\smallskip",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        *filter(None, (groups,)),
        _join_cells(header),
    ]
    for body in bodies:
        lines += [r"\midrule", *(_join_cells(cells) for cells in body)]
    lines += [r"\bottomrule", r"\end{tabular}"]
    if notes:
        lines += [r"\par\smallskip\raggedright\scriptsize", r"\\ ".join(notes), r"\par"]
    return "\n".join((*lines, r"\end{table*}", ""))


def _join_cells(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \tabularnewline"
