"""The rows of the site's leaderboard: committed ones, and those of the runs that were named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.errors import DataError
from egoexobench.leaderboard.build_row import build_reproduced_row
from egoexobench.leaderboard.reproduced import make_row_file_name
from egoexobench.leaderboard.run_source import RunSource

if TYPE_CHECKING:
    from egoexobench.leaderboard.reproduced import ReproducedRow
    from egoexobench.site.inputs import SiteInputs, SiteRun


def collect_site_rows(inputs: SiteInputs) -> tuple[list[ReproducedRow], list[str]]:
    """Return every row, and one line for each group of runs that cannot share a row.

    Runs of one method, scale and data set are a row, as in `egoexobench leaderboard`. It takes the
    place of a committed row of that name, unless all of its runs are in it already. Runs that
    cannot share a row have one each.
    """
    rows = {make_row_file_name(row.method, row.dataset, row.trained_on): row for row in inputs.rows}
    groups: dict[str, list[SiteRun]] = {}
    for run in inputs.runs:
        if run.fault:
            continue
        record = run.record
        name = make_row_file_name(record.method, record.dataset, record.trained_on)
        groups.setdefault(name, []).append(run)
    problems: list[str] = []
    for name, group in groups.items():
        committed = {run.record for run in rows[name].runs} if name in rows else set()
        if committed.issuperset(run.record.id for run in group):
            continue
        rows.pop(name, None)
        rows |= _build_rows(name, group, problems)
    return [row for _, row in sorted(rows.items())], problems


def _build_rows(name: str, group: list[SiteRun], problems: list[str]) -> dict[str, ReproducedRow]:
    sources = [RunSource(record=run.record, ranks=run.ranks, audits=run.audits) for run in group]
    try:
        return {name: build_reproduced_row(sources)}
    except DataError as error:
        problems.append(f"{error}; each of these runs has a row of its own")
    return {f"{name} {source.record.id}": build_reproduced_row([source]) for source in sources}
