"""A plan with the records of its cells: the values of every row in every column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from egoexobench.sweep.estimates import SeedByQueryValues, collect_values
from egoexobench.sweep.record_index import get_current_records
from egoexobench.sweep.schema import get_column_tasks

if TYPE_CHECKING:
    from egoexobench.sweep.execute import StatusByCell
    from egoexobench.sweep.plan import CellKey, SweepPlan
    from egoexobench.sweep.record_index import RecordIndex, StoredRecord
    from egoexobench.sweep.schema import ColumnGroup, SweepColumn


@dataclass(frozen=True, slots=True)
class SweepResults:
    """Records by row and group, then by seed; and the final status of the cells."""

    plan: SweepPlan
    records: Mapping[CellKey, Mapping[int, Sequence[StoredRecord]]]
    status: StatusByCell


def attach_records(plan: SweepPlan, index: RecordIndex, status: StatusByCell) -> SweepResults:
    """Return a plan with the records of every cell."""
    records = {
        key: {
            cell.fingerprint.seed: current
            for cell in cells
            if (current := get_current_records(cell, index))
        }
        for key, cells in plan.cells.items()
    }
    return SweepResults(plan, records, status)


def get_column_values(
    results: SweepResults, row_key: str, group: ColumnGroup, column: SweepColumn
) -> SeedByQueryValues | None:
    """Return the values of one row in one column; None if it has no score."""
    records = results.records.get((row_key, group.key), {})
    if not records:
        return None
    return collect_values(records, get_column_tasks(group, column), group.policy, group.metric)


def get_column_chance(
    results: SweepResults, group: ColumnGroup, column: SweepColumn
) -> float | None:
    """Return the chance level of a column."""
    for row in results.plan.sweep.rows:
        values = get_column_values(results, row.key, group, column)
        if values is not None:
            return values.chance
    return None
