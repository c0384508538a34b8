"""The notes below the table: what each row and group is, and why there are dashes."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import shorten
from typing import TYPE_CHECKING

from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.leaderboard.board_text import get_metric_label
from egoexobench.leaderboard.markdown import escape_markdown, format_bullets
from egoexobench.leaderboard.render import format_code
from egoexobench.records.overlap import describe_overlap
from egoexobench.sweep.schema import get_group_tasks
from egoexobench.sweep.table import COLUMN_LABELS, format_method_label
from egoexobench.types import RETRIEVAL_TASKS

if TYPE_CHECKING:
    from egoexobench.records.schema import Record
    from egoexobench.sweep.results import SweepResults
    from egoexobench.sweep.schema import ColumnGroup, MethodRow

_MAX_REASON_LENGTH = 120
"""Characters; the terminal shows the complete reason."""


def render_footnotes(results: SweepResults) -> str:
    """Return one bullet per row, group and note of the sweep, as Markdown."""
    notes = map(escape_markdown, results.plan.sweep.notes)
    return format_bullets([*_describe_rows(results), *_describe_groups(results), *notes])


def _describe_rows(results: SweepResults) -> Iterator[str]:
    for row in results.plan.sweep.rows:
        overrides = (f"--set {key}={value}" for key, value in sorted(row.overrides.items()))
        options = " ".join((f"--method {row.method}", *overrides, f"--scale {row.scale}"))
        yield f"{format_method_label(row)}: {format_code(options)}{_explain_dashes(results, row)}"


def _describe_groups(results: SweepResults) -> Iterator[str]:
    has_transfer = any(row.transfer for row in results.plan.sweep.rows)
    for group in results.plan.sweep.groups:
        tasks = get_group_tasks(group)
        facts = [format_code(group.dataset)]
        if set(tasks) & set(RETRIEVAL_TASKS):
            facts.append(format_code(group.policy))
        facts.append(get_metric_label(group.metric, tasks[0]))
        if has_transfer and group.train_on:
            facts.append(f"rows with an asterisk trained on {format_code(group.train_on)}")
        overlap = "".join(f". {escape_markdown(text)}" for text in _list_overlaps(results, group))
        yield f"{escape_markdown(group.label)}: {', '.join(facts)}{overlap.removesuffix('.')}"
        yield from _explain_empty_columns(results, group)


def _collect_records(results: SweepResults, group: ColumnGroup) -> list[Record]:
    return [
        stored.record
        for (_, group_key), by_seed in results.records.items()
        if group_key == group.key
        for items in by_seed.values()
        for stored in items
    ]


def _list_overlaps(results: SweepResults, group: ColumnGroup) -> list[str]:
    """What the records of a group say about test clips that also stand in train or val."""
    records = _collect_records(results, group)
    texts = dict.fromkeys(describe_overlap(record.overlap) for record in records)
    return [text for text in texts if text]


def _explain_empty_columns(results: SweepResults, group: ColumnGroup) -> Iterator[str]:
    """Why a column of a group has dashes alone although its runs have records."""
    records = _collect_records(results, group)
    scored = {score.key for record in records for score in record.scores}
    for task in get_group_tasks(group) if records else ():
        policies = {key.policy for key in scored if key.task == task and key.split == TEST_SPLIT}
        if group.policy in policies or None in policies:
            continue
        label = f"{escape_markdown(group.label)} {COLUMN_LABELS[task]}: no number"
        others = ", ".join(format_code(policy) for policy in sorted(filter(None, policies)))
        if others:
            yield f"{label}, no queries for {format_code(group.policy)}; there are for {others}"
        else:
            yield f"{label}, no queries of {format_code(task)}, or no method has an encoder for it"


def _explain_dashes(results: SweepResults, row: MethodRow) -> str:
    """Why a row has dashes: what it needs, and the errors of its runs."""
    unavailable = results.plan.unavailable.items()
    reasons = dict.fromkeys(reason for key, reason in unavailable if key[0] == row.key)
    for key, cells in results.plan.cells.items():
        for cell in cells if key[0] == row.key else ():
            status = results.status.get(cell.run_key)
            if status and status.state in ("failed", "unavailable"):
                reasons[status.reason] = None
    if not reasons:
        return ""
    needs = f"needs {row.needs}: " if row.needs else ""
    shortened = "; ".join(shorten(reason, _MAX_REASON_LENGTH) for reason in reasons)
    return f"; no number, {escape_markdown(needs + shortened)}"
