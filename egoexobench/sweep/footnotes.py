"""What stands below the table: what each row and group is, and why there are dashes."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import shorten
from typing import TYPE_CHECKING

from egoexobench.leaderboard.markdown import bullet_list, escape_markdown
from egoexobench.leaderboard.render import METRIC_LABELS, inline_code
from egoexobench.sweep.schema import tasks_of
from egoexobench.sweep.table import method_row_label
from egoexobench.types import RETRIEVAL_TASKS

if TYPE_CHECKING:
    from egoexobench.sweep.results import SweepResults
    from egoexobench.sweep.schema import MethodRow

_MAX_REASON_LENGTH = 120
"""Characters of a reason; the screen shows all of it."""


def render_footnotes(filled: SweepResults) -> str:
    """Return one bullet a row, a group and a remark of the sweep, as Markdown."""
    return bullet_list(
        [*_row_notes(filled), *_group_notes(filled), *map(escape_markdown, filled.plan.sweep.notes)]
    )


def _row_notes(filled: SweepResults) -> Iterator[str]:
    for row in filled.plan.sweep.rows:
        changed = (f"--set {key}={value}" for key, value in sorted(row.settings.items()))
        words = inline_code(" ".join((f"--method {row.method}", *changed, f"--scale {row.scale}")))
        yield f"{method_row_label(row)}: {words}{_missing_note(filled, row)}"


def _group_notes(filled: SweepResults) -> Iterator[str]:
    transfer = any(row.transfer for row in filled.plan.sweep.rows)
    for group in filled.plan.sweep.groups:
        words = [inline_code(group.dataset)]
        if set(tasks_of(group)) & set(RETRIEVAL_TASKS):
            words.append(inline_code(group.policy))
        words.append(METRIC_LABELS[group.metric])
        if transfer and group.train_on:
            words.append(f"rows with an asterisk trained on {inline_code(group.train_on)}")
        yield f"{escape_markdown(group.label)}: {', '.join(words)}"


def _missing_note(filled: SweepResults, row: MethodRow) -> str:
    """Why a row has dashes: what it needs, and what was said when it was tried."""
    said = dict.fromkeys(why for place, why in filled.plan.absent.items() if place[0] == row.key)
    for place, cells in filled.plan.cells.items():
        for cell in cells if place[0] == row.key else ():
            told = filled.told.get(cell.identity)
            if told and told.state in ("failed", "absent"):
                said[told.reason] = None
    if not said:
        return ""
    needs = f"needs {row.needs}: " if row.needs else ""
    reasons = "; ".join(shorten(reason, _MAX_REASON_LENGTH) for reason in said)
    return f"; no number, {escape_markdown(needs + reasons)}"
