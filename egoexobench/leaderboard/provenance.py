"""Tables of where reproduced scores come from: code, versions, device and tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.leaderboard.board_text import DASH, format_range
from egoexobench.leaderboard.build_row import shorten_fingerprint
from egoexobench.leaderboard.markdown import escape_markdown, format_table
from egoexobench.leaderboard.render import format_code, format_row_label, format_seeds
from egoexobench.leaderboard.row_notes import describe_checks
from egoexobench.types import SCORED_TASKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from egoexobench.leaderboard.reproduced import ReproducedRow, ReproducedTrack, SeedRun
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
    "Processor",
    "Verified and audited",
)
TRACK_HEADER = ("Track", "Task", "Candidates from", "Split", "Ties", "n", "Candidates")


def render_run_table(rows: Sequence[ReproducedRow]) -> str:
    """Return a table of the runs: seeds, checkpoint, commit, versions, device."""
    lines = [_format_run(row) for row in sorted(rows, key=format_row_label)]
    return format_table(RUN_HEADER, lines, num_text_columns=len(RUN_HEADER))


def render_track_table(rows: Sequence[ReproducedRow]) -> str:
    """Return a table of the tracks; the complete text of each one is in the data."""
    tracks = {track.fingerprint: track for row in rows for track in row.tracks}
    lines = [_format_track(track) for track in sorted(tracks.values(), key=_get_track_order)]
    return format_table(TRACK_HEADER, lines, num_text_columns=5)


def _format_run(row: ReproducedRow) -> list[str]:
    selections = (run.checkpoint_selection for run in row.runs if run.checkpoint_selection)
    return [
        format_row_label(row),
        row.method.scale,
        format_seeds(row),
        _join_distinct(_format_checkpoint(selection) for selection in selections),
        _join_distinct(run.missing_audio for run in row.runs),
        _join_distinct(_format_commit(run.git) for run in row.runs),
        _join_distinct(_format_versions(run.packages) for run in row.runs),
        _join_distinct(f"{run.device}, {run.precision}" for run in row.runs),
        _join_distinct(filter(None, map(_format_processor, row.runs))),
        escape_markdown(describe_checks(row)),
    ]


def _format_processor(run: SeedRun) -> str:
    plural = "" if run.num_threads == 1 else "s"
    threads = f"{run.num_threads} thread{plural}" if run.num_threads else None
    return ", ".join(filter(None, (run.processor, run.platform, threads)))


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


def _format_track(track: ReproducedTrack) -> list[str]:
    return [
        format_code(shorten_fingerprint(track)),
        track.task,
        track.policy or "classes",
        track.split,
        escape_markdown(track.tie_rule),
        str(track.num_queries),
        format_range(track.candidate_range),
    ]


def _get_track_order(track: ReproducedTrack) -> tuple[int, str, str]:
    return SCORED_TASKS.index(track.task), track.policy or "", track.fingerprint
