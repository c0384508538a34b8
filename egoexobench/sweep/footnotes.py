"""What stands below the table: what each row and group is, and why there are dashes."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import shorten
from typing import TYPE_CHECKING

from egoexobench.leaderboard.markdown import bullets, escape
from egoexobench.leaderboard.render import NAMES, code
from egoexobench.sweep.schema import tasks
from egoexobench.sweep.table import called
from egoexobench.values import RETRIEVAL

if TYPE_CHECKING:
    from egoexobench.sweep.results import Filled
    from egoexobench.sweep.schema import Row

_LONGEST = 120
"""Characters of a reason; the screen shows all of it."""


def notes(filled: Filled) -> str:
    """Return one bullet a row, a group and a remark of the sweep, as Markdown."""
    return bullets([*_rows(filled), *_groups(filled), *map(escape, filled.plan.sweep.notes)])


def _rows(filled: Filled) -> Iterator[str]:
    for row in filled.plan.sweep.rows:
        changed = (f"--set {key}={value}" for key, value in sorted(row.settings.items()))
        words = code(" ".join((f"--method {row.method}", *changed, f"--scale {row.scale}")))
        yield f"{called(row)}: {words}{_why(filled, row)}"


def _groups(filled: Filled) -> Iterator[str]:
    transfer = any(row.transfer for row in filled.plan.sweep.rows)
    for group in filled.plan.sweep.groups:
        words = [code(group.dataset)]
        if set(tasks(group)) & set(RETRIEVAL):
            words.append(code(group.policy))
        words.append(NAMES[group.metric])
        if transfer and group.train_on:
            words.append(f"rows with an asterisk trained on {code(group.train_on)}")
        yield f"{escape(group.label)}: {', '.join(words)}"


def _why(filled: Filled, row: Row) -> str:
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
    return f"; no number, {escape(needs + '; '.join(shorten(why, _LONGEST) for why in said))}"
