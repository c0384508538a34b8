"""Makes a table of the board of one table of results: what each row and each cell says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.evaluation.tasks import METRICS_INFO
from egoexobench.leaderboard.board import BoardCell, BoardColumn, BoardRow, BoardTable
from egoexobench.leaderboard.board_text import DASH, format_number, format_range
from egoexobench.leaderboard.build_row import describe_track_differences
from egoexobench.leaderboard.row_notes import list_checks, list_row_notes
from egoexobench.leaderboard.submitted_row import SubmittedRow
from egoexobench.leaderboard.table import make_row_label
from egoexobench.records.given_features import list_claims

if TYPE_CHECKING:
    from egoexobench.leaderboard.reproduced import ReproducedRow
    from egoexobench.leaderboard.table import ResultTable, TableCell, TableColumn, TableRow
    from egoexobench.types import CandidatePolicy

USUAL_VIDEO_INPUTS = {"video", "audio"}
USUAL_TEXT_INPUTS = {"narration", "sound_caption"}


def make_board_table(
    table: ResultTable, title: str = "", policy: CandidatePolicy | None = None
) -> BoardTable:
    """Return a table with a row or more as values of the board.

    Args:
        table: columns and rows.
        title: what is scored, in words.
        policy: candidate policy of all columns; None for recognition.
    """
    source = table.rows[0].source
    columns = zip(table.columns, table.reference_cells, strict=True)
    return BoardTable(
        origin="submitted" if isinstance(source, SubmittedRow) else "reproduced",
        dataset=source.dataset.spec,
        title=title,
        policy=policy,
        columns=tuple(_make_column(column, cell) for column, cell in columns),
        rows=tuple(_make_row(row, table) for row in table.rows),
    )


def uses_extra_inputs(source: ReproducedRow) -> bool:
    """Whether embeddings of one side are computed from what belongs to the other side."""
    inputs = source.method.declared_inputs
    return not (
        USUAL_VIDEO_INPUTS.issuperset(inputs.video) and USUAL_TEXT_INPUTS.issuperset(inputs.text)
    )


def _make_column(column: TableColumn, reference: TableCell) -> BoardColumn:
    metric, track = reference.metric, reference.track
    return BoardColumn(
        task=column.track.task,
        metric=column.metric,
        unit=metric.unit,
        higher_is_better=METRICS_INFO[column.metric].higher_is_better,
        track=track.fingerprint,
        num_queries=track.num_queries,
        candidate_range=track.candidate_range,
        chance=metric.chance,
        majority=metric.majority,
        oracle=reference.references.oracle,
        shortcuts=reference.references.shortcuts,
    )


def _make_row(row: TableRow, table: ResultTable) -> BoardRow:
    source, method = row.source, row.source.method
    cells = zip(row.cells, table.reference_cells, strict=True)
    return BoardRow(
        label=make_row_label(source),
        method=method.spec,
        overrides=method.overrides,
        scale=method.scale,
        origin="submitted" if isinstance(source, SubmittedRow) else "reproduced",
        trained_on=source.trained_on.spec if source.trained_on else None,
        video_evidence=tuple(method.declared_inputs.video),
        text_evidence=tuple(method.declared_inputs.text),
        evidence=_describe_evidence(source),
        uses_extra_inputs=uses_extra_inputs(source),
        is_trained=any(run.checkpoint_selection for run in source.runs),
        checks=tuple(list_checks(source)),
        notes=tuple(list_row_notes(source)),
        runs=tuple(run.record for run in source.runs),
        cells=tuple(_make_cell(cell, reference) if cell else None for cell, reference in cells),
    )


def _make_cell(cell: TableCell, reference: TableCell) -> BoardCell:
    return BoardCell(
        value=cell.metric.value,
        low=cell.metric.low,
        high=cell.metric.high,
        chance=cell.metric.chance,
        num_queries=cell.track.num_queries,
        candidate_range=cell.track.candidate_range,
        track=cell.track.fingerprint,
        seeds=cell.seeds,
        standing=cell.standing,
        note=_explain_cell(cell, reference),
    )


def _explain_cell(cell: TableCell, reference: TableCell) -> str | None:
    track = cell.track
    sizes = f"candidates {format_range(track.candidate_range)}"
    chance = f"chance {format_number(cell.metric.chance, cell.metric.unit)}"
    if track.fingerprint != reference.track.fingerprint:
        return (
            "another protocol, not comparable with its column: tracks "
            f"{describe_track_differences(reference.track, track)}; n {track.num_queries}, "
            f"{sizes}, {chance}"
        )
    if cell.num_used_clips:
        num_used, num_clips = cell.num_used_clips
        return (
            f"{num_used} of {num_clips} clips were used ({100 * num_used / num_clips:.1f} %): "
            f"scored on {track.num_queries} queries, {track.num_dropped} dropped, with "
            f"{track.num_missing_candidates} candidates missing; {chance}"
        )
    if track.num_queries != reference.track.num_queries:
        return (
            f"scored on {track.num_queries} queries, {track.num_dropped} dropped; {sizes}, {chance}"
        )
    if (cell.metric.chance, track.candidate_range) != (
        reference.metric.chance,
        reference.track.candidate_range,
    ):
        return f"another gallery: n {track.num_queries}, {sizes}, {chance}"
    return None


def _describe_evidence(source: ReproducedRow) -> str:
    external = source.method.external
    if external is not None and external.evidence == "unknown":
        return "unknown"
    sides = (source.method.declared_inputs.video, source.method.declared_inputs.text)
    inputs = "; ".join(", ".join(side).replace("_", " ") or DASH for side in sides)
    if external is not None:
        return f"{inputs} ({external.evidence})"
    return f"{inputs} (claimed)" if list_claims(source.method) else inputs
