"""The rows of the site's leaderboard: committed ones, and those of the runs that were named."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from egoexobench.errors import DataError
from egoexobench.leaderboard.build_row import build_reproduced_row
from egoexobench.leaderboard.reproduced import make_row_file_name
from egoexobench.leaderboard.run_source import RunSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoexobench.leaderboard.reproduced import ReproducedRow
    from egoexobench.site.inputs import SiteRun


class SiteRows(NamedTuple):
    """Every row, and one line for each group of runs that cannot share a row."""

    rows: list[ReproducedRow]
    problems: list[str]


def collect_site_rows(committed: Sequence[ReproducedRow], runs: Sequence[SiteRun]) -> SiteRows:
    """Return committed rows and those of runs whose numbers were checked.

    Runs of one method, scale and data set are a row, as in `egoexobench leaderboard`. It takes the
    place of a committed row of that name, unless all of its runs are in it already. Runs that
    cannot share a row have one each.
    """
    rows = {make_row_file_name(row.method, row.dataset, row.trained_on): row for row in committed}
    groups: dict[str, list[SiteRun]] = {}
    for run in runs:
        record = run.record
        if run.fault is None:
            name = make_row_file_name(record.method, record.dataset, record.trained_on)
            groups.setdefault(name, []).append(run)
    problems: list[str] = []
    for name, group in groups.items():
        ids = {run.record for run in rows[name].runs} if name in rows else set()
        if ids.issuperset(run.record.id for run in group):
            continue
        rows.pop(name, None)
        rows |= _build_rows(name, group, problems)
    return SiteRows([row for _, row in sorted(rows.items())], problems)


def _build_rows(name: str, group: list[SiteRun], problems: list[str]) -> dict[str, ReproducedRow]:
    sources = [RunSource(record=run.record, ranks=run.ranks, audits=run.audits) for run in group]
    try:
        return {name: build_reproduced_row(sources)}
    except DataError as error:
        problems.append(f"{error}; each of these runs has a row of its own")
    return {f"{name} {source.record.id}": build_reproduced_row([source]) for source in sources}
