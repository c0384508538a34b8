"""Tables of where reproduced scores come from: code, versions, device and tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.leaderboard.collect import short_hash
from egoexobench.leaderboard.markdown import DASH, escape_markdown, markdown_table
from egoexobench.leaderboard.render import format_range, inline_code, marked_row_label, seed_list
from egoexobench.types import SCORED_TASKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from egoexobench.leaderboard.reproduced import ReproducedRow, ReproducedTrack
    from egoexobench.records.schema import CheckpointSelection, GitState

RUN_HEADER = (
    "Method",
    "Scale",
    "Seeds",
    "Checkpoint",
    "Clips without audio",
    "Commit",
    "Versions",
    "Device",
)
TRACK_HEADER = ("Track", "Task", "Candidates from", "Split", "Ties", "n", "Candidates")


def run_table(rows: Sequence[ReproducedRow]) -> str:
    """Return a table of the runs: seeds, checkpoint, commit, versions, device."""
    lines = [_run_line(row) for row in sorted(rows, key=marked_row_label)]
    return markdown_table(RUN_HEADER, lines, num_text_columns=len(RUN_HEADER))


def track_table(rows: Sequence[ReproducedRow]) -> str:
    """Return a table of the tracks; the complete text of each one is in the data."""
    tracks = {track.fingerprint: track for row in rows for track in row.tracks}
    lines = [_track_line(track) for track in sorted(tracks.values(), key=_track_order)]
    return markdown_table(TRACK_HEADER, lines, num_text_columns=5)


def _run_line(row: ReproducedRow) -> list[str]:
    selections = (run.checkpoint_selection for run in row.runs if run.checkpoint_selection)
    return [
        marked_row_label(row),
        row.method.scale,
        seed_list(row),
        _join_distinct(_format_checkpoint(selection) for selection in selections),
        _join_distinct(run.missing_audio for run in row.runs),
        _join_distinct(_format_commit(run.git) for run in row.runs),
        _join_distinct(_format_versions(run.packages) for run in row.runs),
        _join_distinct(f"{run.device}, {run.precision}" for run in row.runs),
    ]


def _format_checkpoint(selection: CheckpointSelection) -> str:
    return f"{selection.validation_metric} on {selection.split}"


def _format_commit(git: GitState | None) -> str:
    if git is None:
        return DASH
    return git.commit[:12] + (" (modified)" if git.dirty else "")


def _format_versions(packages: Mapping[str, str]) -> str:
    names = [name for name in ("egoexobench", "torch") if name in packages]
    return ", ".join(f"{name} {packages[name]}" for name in names)


def _join_distinct(texts: Iterable[str]) -> str:
    return escape_markdown("; ".join(sorted(set(texts)))) or DASH


def _track_line(track: ReproducedTrack) -> list[str]:
    return [
        inline_code(short_hash(track)),
        track.task,
        track.policy or "classes",
        track.split,
        escape_markdown(track.tie_rule),
        str(track.num_queries),
        format_range(track.candidate_range),
    ]


def _track_order(track: ReproducedTrack) -> tuple[int, str, str]:
    return SCORED_TASKS.index(track.task), track.policy or "", track.fingerprint
