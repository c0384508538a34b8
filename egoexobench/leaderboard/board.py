"""The board: every table of a leaderboard as values, which each format shows in its own way."""

from __future__ import annotations

from typing import Annotated, Literal, final

from pydantic import Field

from egoexobench.evaluation.results import MetricUnit
from egoexobench.leaderboard.best_rows import Standing
from egoexobench.leaderboard.reported import ReportedTable
from egoexobench.records.field_types import RecordModel
from egoexobench.types import CandidatePolicy, ScoredTask

Origin = Literal["reproduced", "submitted"]
"""Who made the runs of a row: we, or others whose records were verified."""


@final
class BoardColumn(RecordModel):
    """One metric of one task; its levels are those of the track that most rows have."""

    task: ScoredTask
    metric: str
    unit: MetricUnit
    higher_is_better: bool
    track: str = Field(description="fingerprint")
    num_queries: int
    candidate_range: tuple[int, int]
    chance: float | None
    majority: float | None = Field(description="the best constant answer; recognition alone")
    oracle: float | None
    shortcuts: dict[str, float] = Field(description="by name")


@final
class BoardCell(RecordModel):
    """One score: the mean over seeds, and its 95 % interval over queries and seeds."""

    value: float
    low: float | None
    high: float | None
    chance: float | None
    num_queries: int
    candidate_range: tuple[int, int]
    track: str = Field(description="fingerprint")
    seeds: tuple[int, ...]
    standing: Standing | None = Field(
        description="how the row stands to the best one of the column by a paired test"
    )
    note: str | None = Field(description="in what the cell differs from its column")


@final
class BoardCheck(RecordModel):
    """One check of a row, or the lack of one."""

    text: str
    is_warning: bool


@final
class BoardRow(RecordModel):
    """One method with its settings at one scale on one data set."""

    label: str
    method: str = Field(description="spec")
    overrides: dict[str, str]
    scale: str
    origin: Origin
    trained_on: str | None = Field(description="spec, if it is another data set")
    video_evidence: tuple[str, ...]
    text_evidence: tuple[str, ...]
    evidence: str = Field(description="both in words, with who says so")
    uses_extra_inputs: bool = Field(
        description="its videos are embedded with more than that, or its texts with sound"
    )
    is_trained: bool
    checks: tuple[BoardCheck, ...]
    notes: tuple[str, ...]
    runs: tuple[str, ...] = Field(description="ids of records")
    cells: tuple[BoardCell | None, ...]


@final
class BoardTable(RecordModel):
    """Rows of one data set that were scored alike, best first."""

    origin: Origin
    dataset: str = Field(description="spec")
    title: str
    policy: CandidatePolicy | None
    columns: tuple[BoardColumn, ...]
    rows: tuple[BoardRow, ...]

    def list_notes(self) -> list[str]:
        """Return the notes of rows and cells in the order of reading, each one once."""
        notes: dict[str, None] = {}
        for row in self.rows:
            notes |= dict.fromkeys(row.notes)
            notes |= dict.fromkeys(cell.note for cell in row.cells if cell and cell.note)
        return list(notes)


@final
class Board(RecordModel):
    """All tables of a leaderboard; scores of papers are apart."""

    schema_version: Annotated[Literal[1], Field(description="of this file")] = 1
    tables: tuple[BoardTable, ...]
    reported: tuple[ReportedTable, ...]
