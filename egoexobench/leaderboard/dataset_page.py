"""The page of all reproduced scores on one data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.leaderboard import provenance
from egoexobench.leaderboard.board_table import make_board_table
from egoexobench.leaderboard.headline import render_headline_tables
from egoexobench.leaderboard.markdown import escape_markdown, render_page
from egoexobench.leaderboard.render import format_code, render_table
from egoexobench.leaderboard.submitted_section import render_submitted_sections
from egoexobench.leaderboard.table import TableColumn, build_table
from egoexobench.types import ALL_TASKS, SCORED_TASKS, TrackKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from egoexobench.leaderboard.reproduced import ReproducedRow
    from egoexobench.leaderboard.submitted_row import SubmittedRow


def render_dataset_page(
    name: str,
    rows: Sequence[ReproducedRow],
    submitted: Sequence[SubmittedRow],
    *,
    mix_protocols: bool,
) -> str:
    """Return the page of a data set: headline scores, every metric, provenance, submissions."""
    heading = f"Reproduced on the data set {escape_markdown(name)}"
    sections = [
        _render_section(spec, group, mix_protocols) for spec, group in group_by_dataset(rows)
    ]
    sections += render_submitted_sections(submitted, rows)
    return render_page(heading, *(sections or ["There is no record yet.\n"]))


def group_by_dataset(rows: Iterable[ReproducedRow]) -> list[tuple[str, list[ReproducedRow]]]:
    """Return rows by the spec of their data set, sorted."""
    groups: dict[str, list[ReproducedRow]] = {}
    for row in rows:
        groups.setdefault(row.dataset.spec, []).append(row)
    return sorted(groups.items())


def _render_section(spec: str, rows: Sequence[ReproducedRow], mix_protocols: bool) -> str:
    return "\n".join(
        (
            f"## {format_code(spec)}\n",
            render_headline_tables(rows, ALL_TASKS, mix_protocols=mix_protocols),
            f"## Every metric on {format_code(spec)}\n",
            *_render_metric_tables(rows, mix_protocols),
            f"## Where the scores on {format_code(spec)} come from\n",
            provenance.render_run_table(rows),
            provenance.render_track_table(rows),
        )
    )


def _render_metric_tables(rows: Sequence[ReproducedRow], mix_protocols: bool) -> Iterator[str]:
    metrics: dict[TrackKey, dict[str, None]] = {}
    for track in (track for row in rows for track in row.tracks):
        key = TrackKey(track.task, track.policy)
        metrics.setdefault(key, {}).update(dict.fromkeys(track.references))
    for key in sorted(metrics, key=lambda key: (SCORED_TASKS.index(key.task), key.policy or "")):
        columns = [TableColumn(key, metric) for metric in metrics[key]]
        table = build_table(rows, columns, mix_protocols=mix_protocols)
        if table.rows:
            title = ", ".join(filter(None, (key.task, key.policy)))
            yield f"### {title}\n\n{render_table(make_board_table(table), show_tasks=False)}"
