"""Where reproduced numbers come from: code, versions, device, tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.leaderboard.collect import short
from egoexobench.leaderboard.markdown import DASH, escape, table
from egoexobench.leaderboard.render import called, code, counts, seeds
from egoexobench.values import MEASURED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from egoexobench.leaderboard.reproduced import Reproduced


def runs(groups: Sequence[Reproduced]) -> str:
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
            called(group),
            group.method.scale,
            seeds(group),
            _checkpoint(group),
            _several(run.missing_audio for run in group.runs),
            _several(_commit(group, place) for place in range(len(group.runs))),
            _several(_versions(run.packages) for run in group.runs),
            _several(f"{run.device}, {run.precision}" for run in group.runs),
        ]
        for group in sorted(groups, key=called)
    ]
    return table(head, rows, words=len(head))


def _checkpoint(group: Reproduced) -> str:
    chosen = [run.chosen_on for run in group.runs if run.chosen_on]
    return (
        _several(f"{choice.criterion} on {choice.split}" for choice in chosen) if chosen else DASH
    )


def _commit(group: Reproduced, place: int) -> str:
    git = group.runs[place].git
    if git is None:
        return DASH
    return git.commit[:12] + (" (modified)" if git.dirty else "")


def _versions(packages: dict[str, str]) -> str:
    return ", ".join(
        f"{name} {packages[name]}" for name in ("egoexobench", "torch") if name in packages
    )


def _several(words: Iterable[str]) -> str:
    return escape("; ".join(sorted(set(words)))) or DASH


def tracks(groups: Sequence[Reproduced]) -> str:
    """Return a table of what was scored; the full text of each track is in the data."""
    found = {track.fingerprint: track for group in groups for track in group.tracks}
    head = ["Track", "Task", "Candidates from", "Split", "Ties", "n", "Candidates"]
    rows = [
        [
            code(short(track)),
            track.task,
            track.policy or "classes",
            track.split,
            escape(track.tie_rule),
            str(track.n),
            counts(track.candidates),
        ]
        for track in sorted(
            found.values(), key=lambda t: (MEASURED.index(t.task), t.policy or "", t.fingerprint)
        )
    ]
    return table(head, rows, words=5)
