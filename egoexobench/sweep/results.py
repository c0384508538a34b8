"""A plan with the records of its cells: what every column of every row is computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from egoexobench.sweep.estimates import Series, series
from egoexobench.sweep.schema import parts

if TYPE_CHECKING:
    from egoexobench.sweep.execute import Standing
    from egoexobench.sweep.plan import Place, Plan
    from egoexobench.sweep.record_index import Index, Kept
    from egoexobench.sweep.schema import Column, Group


@dataclass(frozen=True, slots=True)
class Filled:
    """Records by row and group, then by seed; and how the cells stood when the sweep ended."""

    plan: Plan
    kept: Mapping[Place, Mapping[int, Sequence[Kept]]]
    told: Standing


def fill(plan: Plan, known: Index, told: Standing) -> Filled:
    """Look up the records of every cell."""
    kept = {
        place: {
            cell.identity.seed: known[cell.identity] for cell in cells if cell.identity in known
        }
        for place, cells in plan.cells.items()
    }
    return Filled(plan, kept, told)


def column(filled: Filled, row: str, group: Group, name: Column) -> Series | None:
    """Return one row's values in one column; None where there is no number."""
    kept = filled.kept.get((row, group.key), {})
    return series(kept, parts(group, name), group.policy, group.metric) if kept else None


def chance(filled: Filled, group: Group, name: Column) -> float | None:
    """Return what guessing gives in a column."""
    for row in filled.plan.sweep.rows:
        found = column(filled, row.key, group, name)
        if found is not None:
            return found.chance
    return None
