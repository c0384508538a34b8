"""Renders a table of reproduced scores as Markdown: rows, reference rows, then footnotes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from egoexobench.leaderboard.build_row import describe_track_differences
from egoexobench.leaderboard.markdown import DASH, escape_markdown, format_bullets, format_table
from egoexobench.leaderboard.row_notes import format_checks, list_row_notes
from egoexobench.leaderboard.table import make_row_label
from egoexobench.records.given_features import list_claims
from egoexobench.types import RECOGNITION_TASKS
from egoexobench.visible_text import make_visible_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from egoexobench.leaderboard.reproduced import ReproducedRow
    from egoexobench.leaderboard.table import ResultTable, TableCell, TableRow
    from egoexobench.types import ScoredTask

METRIC_LABELS = {
    "hit_rate_at_1": "R@1",
    "hit_rate_at_5": "R@5",
    "hit_rate_at_10": "R@10",
    "hit_rate_at_100": "R@100",
    "recall_at_5": "class R@5",
    "map": "mAP",
    "median_rank": "median rank",
    "mrr": "MRR",
}
DIGITS = {"%": 1, "rank": 1, "1": 3}
NUM_TEXT_COLUMNS = 5
"""Columns before the scores."""
USUAL_VIDEO_INPUTS = {"video", "audio"}
EXTRA_INPUTS_NOTE = (
    "† The video embeddings of this method use more than video and audio, so they contain part of "
    "the answer; do not compare its rank with the others."
)

ANNOTATION_SHORTCUTS = ("scene", "narration")
"""Shortcuts that read the annotation, which no method gets."""
ANNOTATION_SHORTCUT_NOTE = (
    "‡ This shortcut reads the annotation, which no method gets: it is the score of a method to "
    "which the annotation leaks. Duration, loudness and synchrony (GCC-PHAT) read the media and "
    "are not trained."
)
STANDING_MARKS = {"level": " ≈", "untested": " ?"}
TRANSFER_NOTE = "\\* Trained on another data set than the one that is scored."


def render_table(table: ResultTable, *, show_tasks: bool = True) -> str:
    """Return a table with its footnotes.

    Args:
        table: What to render.
        show_tasks: Put the task into the header of each column.
    """
    headers = _format_headers(table, show_tasks)
    header = ["Method", "Evidence", "Scale", "Seeds", "Checked", *headers]
    notes: list[str] = []
    lines = [_render_row(row, table, notes) for row in table.rows]
    lines += _render_references(table)
    footnotes = [f"({_get_note_letter(index)}) {note}" for index, note in enumerate(notes)]
    if any(uses_extra_inputs(row.source) for row in table.rows):
        footnotes.insert(0, EXTRA_INPUTS_NOTE)
    if any(row.source.trained_on for row in table.rows):
        footnotes.insert(0, TRANSFER_NOTE)
    if any(cell.references.shortcuts for cell in table.reference_cells):
        footnotes.append(ANNOTATION_SHORTCUT_NOTE)
    text = format_table(header, lines, num_text_columns=NUM_TEXT_COLUMNS)
    return text + ("\n" + format_bullets(footnotes) if footnotes else "")


def uses_extra_inputs(source: ReproducedRow) -> bool:
    """Whether the video embeddings of a method are computed from more than video and audio."""
    return not USUAL_VIDEO_INPUTS.issuperset(source.method.declared_inputs.video)


def format_row_label(source: ReproducedRow) -> str:
    """Return the label of a row as Markdown, with its dagger."""
    return escape_markdown(make_row_label(source)) + (" †" if uses_extra_inputs(source) else "")


def get_metric_label(metric: str, task: ScoredTask | None) -> str:
    """Return the name of a metric in a table; recognition has accuracy where retrieval has R@K."""
    if task in RECOGNITION_TASKS and metric == "hit_rate_at_1":
        return "top-1"
    return METRIC_LABELS.get(metric, metric)


def format_code(text: str) -> str:
    """Return text as inline code on one line, also in a cell of a table."""
    line = make_visible_line(text).replace("|", "\\|")
    if "`" not in line:
        return f"`{line}`"
    fence = "`" * (1 + max(map(len, re.findall("`+", line))))
    return f"{fence} {line} {fence}"


def format_seeds(source: ReproducedRow) -> str:
    """Return the seeds of a row, such as ``0 1 2``."""
    return " ".join(str(seed) for seed in sorted({run.seed for run in source.runs}))


def format_number(value: float | None, unit: str) -> str:
    """Return a number at the precision of its unit; a dash for None."""
    return DASH if value is None else f"{value:.{DIGITS[unit]}f}"


def format_range(values: Collection[int]) -> str:
    """Return one count, or the smallest and the largest of several."""
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"


def _format_headers(table: ResultTable, show_tasks: bool) -> Iterator[str]:
    for column, cell in zip(table.columns, table.reference_cells, strict=True):
        unit = "%" if cell.metric.unit == "%" else ""
        task = column.track.task
        label = get_metric_label(column.metric, task)
        words = (task if show_tasks else "", label, unit)
        yield escape_markdown(" ".join(filter(None, words)))


def _render_row(row: TableRow, table: ResultTable, notes: list[str]) -> list[str]:
    label = format_row_label(row.source)
    for row_note in list_row_notes(row.source):
        label += _refer_to_note(row_note, notes)
    line = [
        label,
        _format_inputs(row.source),
        row.source.method.scale,
        _format_row_seeds(row),
        format_checks(row.source),
    ]
    for cell, reference in zip(row.cells, table.reference_cells, strict=True):
        text = _render_cell(cell)
        if cell and (note := _explain_cell(cell, reference)):
            text += _refer_to_note(note, notes)
        line.append(text)
    return line


def _refer_to_note(note: str, notes: list[str]) -> str:
    """Return the letter of a note, which is added to the others if it is new."""
    if note not in notes:
        notes.append(note)
    return f" ({_get_note_letter(notes.index(note))})"


def _format_row_seeds(row: TableRow) -> str:
    """The seeds of a row; how many of them a cell has, if cells differ; a dash for no training."""
    by_cell = [cell.seeds for cell in row.cells if cell]
    seeds = sorted({seed for cell_seeds in by_cell for seed in cell_seeds})
    is_trained = any(run.checkpoint_selection for run in row.source.runs)
    if not is_trained and len(seeds) == 1:
        return DASH
    text = " ".join(map(str, seeds))
    counts = {len(cell_seeds) for cell_seeds in by_cell}
    return text if counts == {len(seeds)} else f"{text} ({format_range(counts)} a cell)"


def _render_cell(cell: TableCell | None) -> str:
    if cell is None:
        return DASH
    metric = cell.metric
    text = format_number(metric.value, metric.unit)
    if cell.standing == "best":
        text = f"**{text}**"
    if metric.low is not None and metric.high is not None:
        low, high = (format_number(bound, metric.unit) for bound in (metric.low, metric.high))
        text += f" \\[{low}, {high}\\]"
    return text + STANDING_MARKS.get(cell.standing or "below", "")


def _explain_cell(cell: TableCell, reference: TableCell) -> str | None:
    track = cell.track
    if track.fingerprint != reference.track.fingerprint:
        differences = escape_markdown(describe_track_differences(reference.track, track))
        return (
            f"another protocol, not comparable with its column: tracks {differences}; "
            f"n {track.num_queries}, candidates {format_range(track.candidate_range)}, chance "
            f"{format_number(cell.metric.chance, cell.metric.unit)}"
        )
    if cell.num_used_clips:
        num_used, num_clips = cell.num_used_clips
        return (
            f"{num_used} of {num_clips} clips were used ({100 * num_used / num_clips:.1f} %): "
            f"scored on {track.num_queries} queries, {track.num_dropped} dropped, with "
            f"{track.num_missing_candidates} candidates missing; chance "
            f"{format_number(cell.metric.chance, cell.metric.unit)}"
        )
    sizes = f"candidates {format_range(track.candidate_range)}"
    chance = f"chance {format_number(cell.metric.chance, cell.metric.unit)}"
    if track.num_queries != reference.track.num_queries:
        dropped = f"{track.num_dropped} dropped"
        return f"scored on {track.num_queries} queries, {dropped}; {sizes}, {chance}"
    if (cell.metric.chance, track.candidate_range) != (
        reference.metric.chance,
        reference.track.candidate_range,
    ):
        return f"another gallery: n {track.num_queries}, {sizes}, {chance}"
    return None


def _render_references(table: ResultTable) -> Iterator[list[str]]:
    cells = table.reference_cells
    metrics = [cell.metric for cell in cells]
    units = [metric.unit for metric in metrics]
    yield _render_reference("*chance*", [metric.chance for metric in metrics], units)
    if any(metric.majority is not None for metric in metrics):
        yield _render_reference("*majority*", [metric.majority for metric in metrics], units)
    yield _render_reference("*oracle*", [cell.references.oracle for cell in cells], units)
    for name in dict.fromkeys(name for cell in cells for name in cell.references.shortcuts):
        mark = " ‡" if name in ANNOTATION_SHORTCUTS else ""
        values = [cell.references.shortcuts.get(name) for cell in cells]
        yield _render_reference(f"*{name}*{mark}", values, units)
    tracks = [cell.track for cell in cells]
    sizes = [f"{track.num_queries} / {format_range(track.candidate_range)}" for track in tracks]
    yield ["*n / candidates*", *[DASH] * (NUM_TEXT_COLUMNS - 1), *sizes]


def _render_reference(
    label: str, values: Sequence[float | None], units: Sequence[str]
) -> list[str]:
    numbers = [format_number(value, unit) for value, unit in zip(values, units, strict=True)]
    return [label, *[DASH] * (NUM_TEXT_COLUMNS - 1), *numbers]


def _format_inputs(source: ReproducedRow) -> str:
    external = source.method.external
    if external is not None and external.evidence == "unknown":
        return "unknown"
    sides = (source.method.declared_inputs.video, source.method.declared_inputs.text)
    inputs = "; ".join(", ".join(side).replace("_", " ") or DASH for side in sides)
    if external is not None:
        return f"{inputs} ({external.evidence})"
    return f"{inputs} (claimed)" if list_claims(source.method) else inputs


def _get_note_letter(index: int) -> str:
    return chr(ord("a") + index) if index < 26 else str(index + 1)
