"""A plan with the records of its cells: what every column of every row is computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from egoexobench.sweep.estimates import SeedByQueryValues, collect_values
from egoexobench.sweep.schema import tasks_in_column

if TYPE_CHECKING:
    from egoexobench.sweep.execute import StatusByCell
    from egoexobench.sweep.plan import CellKey, SweepPlan
    from egoexobench.sweep.record_index import RecordIndex, StoredRecord
    from egoexobench.sweep.schema import ColumnGroup, SweepColumn


@dataclass(frozen=True, slots=True)
class SweepResults:
    """Records by row and group, then by seed; and how the cells stood when the sweep ended."""

    plan: SweepPlan
    kept: Mapping[CellKey, Mapping[int, Sequence[StoredRecord]]]
    told: StatusByCell


def attach_records(plan: SweepPlan, known: RecordIndex, told: StatusByCell) -> SweepResults:
    """Look up the records of every cell."""
    kept = {
        place: {
            cell.identity.seed: known[cell.identity] for cell in cells if cell.identity in known
        }
        for place, cells in plan.cells.items()
    }
    return SweepResults(plan, kept, told)


def column_values(
    filled: SweepResults, row: str, group: ColumnGroup, name: SweepColumn
) -> SeedByQueryValues | None:
    """Return one row's values in one column; None where there is no number."""
    kept = filled.kept.get((row, group.key), {})
    return (
        collect_values(kept, tasks_in_column(group, name), group.policy, group.metric)
        if kept
        else None
    )


def column_chance(filled: SweepResults, group: ColumnGroup, name: SweepColumn) -> float | None:
    """Return what guessing gives in a column."""
    for row in filled.plan.sweep.rows:
        found = column_values(filled, row.key, group, name)
        if found is not None:
            return found.chance
    return None
