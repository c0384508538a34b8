"""The JSON of `egoexobench sweep`; docs/json.md describes each field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from egoexobench.sweep.execute import StatusByCell
from egoexobench.sweep.plan import SweepCell, SweepPlan
from egoexobench.sweep.process import CellState
from egoexobench.sweep.record_index import RecordIndex, get_current_records


class SweepRunEntry(BaseModel):
    """One run of a sweep."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str
    overrides: dict[str, str]
    scale: str
    dataset: str
    train_on: str | None
    seed: int
    tasks: tuple[str, ...]
    state: CellState
    reason: str | None
    seconds: float
    records: tuple[str, ...]


class UnavailableRowEntry(BaseModel):
    """A row of a table that cannot run here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    row: str
    group: str
    reason: str


class SweepReport(BaseModel):
    """What `sweep --json` prints."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    runs: tuple[SweepRunEntry, ...]
    unavailable: tuple[UnavailableRowEntry, ...]
    tables: tuple[str, ...]


def make_sweep_report(
    cells: Sequence[SweepCell],
    plans: Mapping[Path, SweepPlan],
    *,
    status: StatusByCell,
    index: RecordIndex,
    tables: Iterable[Path] = (),
) -> SweepReport:
    """Return the state of every run with its records, and the tables that were written."""
    return SweepReport(
        runs=tuple(_make_run_entry(cell, status, index) for cell in cells),
        unavailable=tuple(
            UnavailableRowEntry(file=str(path), row=row, group=group, reason=reason)
            for path, plan in plans.items()
            for (row, group), reason in plan.unavailable.items()
        ),
        tables=tuple(map(str, tables)),
    )


def _make_run_entry(cell: SweepCell, status: StatusByCell, index: RecordIndex) -> SweepRunEntry:
    state = status[cell.run_key]
    return SweepRunEntry(
        method=cell.method,
        overrides=dict(cell.overrides),
        scale=cell.scale,
        dataset=cell.dataset,
        train_on=cell.train_on,
        seed=cell.fingerprint.seed,
        tasks=cell.tasks,
        state=state.state,
        reason=state.reason or None,
        seconds=state.seconds,
        records=tuple(str(stored.path) for stored in get_current_records(cell, index)),
    )
