"""Where reproduced numbers come from: code, versions, device, tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.leaderboard.collect import short_hash
from egoexobench.leaderboard.markdown import DASH, escape_markdown, markdown_table
from egoexobench.leaderboard.render import format_range, inline_code, marked_row_label, seed_list
from egoexobench.types import SCORED_TASKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from egoexobench.leaderboard.reproduced import ReproducedRow


def run_table(groups: Sequence[ReproducedRow]) -> str:
    """Return a table of what ran: seeds, checkpoint, commit, versions, device."""
    head = [
        "Method",
        "Scale",
        "Seeds",
        "Checkpoint",
        "Clips without sound",
        "Commit",
        "Versions",
        "Device",
    ]
    rows = [
        [
            marked_row_label(group),
            group.method.scale,
            seed_list(group),
            _format_checkpoint(group),
            _join_distinct(run.missing_audio for run in group.runs),
            _join_distinct(_format_commit(group, place) for place in range(len(group.runs))),
            _join_distinct(_format_versions(run.packages) for run in group.runs),
            _join_distinct(f"{run.device}, {run.precision}" for run in group.runs),
        ]
        for group in sorted(groups, key=marked_row_label)
    ]
    return markdown_table(head, rows, words=len(head))


def _format_checkpoint(group: ReproducedRow) -> str:
    chosen = [run.chosen_on for run in group.runs if run.chosen_on]
    return (
        _join_distinct(f"{choice.criterion} on {choice.split}" for choice in chosen)
        if chosen
        else DASH
    )


def _format_commit(group: ReproducedRow, place: int) -> str:
    git = group.runs[place].git
    if git is None:
        return DASH
    return git.commit[:12] + (" (modified)" if git.dirty else "")


def _format_versions(packages: dict[str, str]) -> str:
    return ", ".join(
        f"{name} {packages[name]}" for name in ("egoexobench", "torch") if name in packages
    )


def _join_distinct(words: Iterable[str]) -> str:
    return escape_markdown("; ".join(sorted(set(words)))) or DASH


def track_table(groups: Sequence[ReproducedRow]) -> str:
    """Return a table of what was scored; the full text of each track is in the data."""
    found = {track.fingerprint: track for group in groups for track in group.tracks}
    head = ["Track", "Task", "Candidates from", "Split", "Ties", "n", "Candidates"]
    rows = [
        [
            inline_code(short_hash(track)),
            track.task,
            track.policy or "classes",
            track.split,
            escape_markdown(track.tie_rule),
            str(track.n),
            format_range(track.candidates),
        ]
        for track in sorted(
            found.values(),
            key=lambda t: (SCORED_TASKS.index(t.task), t.policy or "", t.fingerprint),
        )
    ]
    return markdown_table(head, rows, words=5)
