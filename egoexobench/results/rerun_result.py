"""The result of a run that was made again, and where it differs from the first one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from egoexobench.comparison import FieldDifference, LoadedRun, find_differences, load_runs
from egoexobench.records.schema import ScoreRecord
from egoexobench.results.run_result import RunResult
from egoexobench.types import TrackKey


@dataclass(frozen=True, slots=True)
class TrackDifference:
    """A track whose scores or ranks are not those of the first run."""

    track: TrackKey
    reason: str
    """What differs, for people to read."""

    def __str__(self) -> str:
        return f"{self.track.label}: {self.reason}"


@final
@dataclass(frozen=True, slots=True)
class RerunResult:
    """A run that was made again: its result, and where it differs from its record.

    ``print(result)`` says `equal` or lists the differences.
    """

    recorded: Path
    """File of the record that was run again."""
    result: RunResult
    tracks: Sequence[TrackDifference]
    """Tracks whose scores or ranks differ in any digit."""
    fields: Sequence[FieldDifference]
    """Everything else that differs: parts and their sources, versions, platform, data."""

    @property
    def is_equal(self) -> bool:
        """Whether every score and every rank is the same to the last digit."""
        return not self.tracks

    def list_lines(self) -> list[str]:
        """Return one line that says whether the scores are equal, then one per difference."""
        num_tracks = len(self.result.record.scores)
        if self.is_equal:
            lines = [f"equal: every score and rank is that of {self.recorded}"]
        else:
            lines = [f"{len(self.tracks)} of {num_tracks} tracks differ from {self.recorded}:"]
            lines += [f"  {track}" for track in self.tracks]
        if self.fields:
            lines.append("other differences (recorded -> now):")
            lines += [f"  {_describe_field(difference)}" for difference in self.fields]
        return lines

    def __str__(self) -> str:
        return "\n".join(self.list_lines())


def compare_with_record(recorded: Path, result: RunResult) -> RerunResult:
    """Compare a new run with the record that it repeats.

    Raises:
        DataError: if one of the two records or its ranks cannot be read.
    """
    runs = load_runs([recorded, result.path])
    skipped = ("track.",) if runs[0].record.settings else ("track.", "settings")
    fields = [item for item in find_differences(runs) if not item.field.startswith(skipped)]
    return RerunResult(recorded, result, _compare_tracks(*runs), fields)


def _compare_tracks(old: LoadedRun, new: LoadedRun) -> list[TrackDifference]:
    old_scores, new_scores = _index_scores(old), _index_scores(new)
    differences = []
    for track in {**old_scores, **new_scores}:
        if track not in new_scores:
            reasons = ["not scored again"]
        elif track not in old_scores:
            reasons = ["not scored in the record"]
        else:
            reasons = [
                *_compare_ranks(old.ranks.get(track, {}), new.ranks.get(track, {})),
                *_compare_scores(old_scores[track], new_scores[track]),
            ]
        if reasons:
            differences.append(TrackDifference(track, "; ".join(reasons)))
    return differences


def _index_scores(run: LoadedRun) -> dict[TrackKey, ScoreRecord]:
    return {score.key: score for score in run.record.scores}


def _compare_ranks(old: Mapping[Any, Any], new: Mapping[Any, Any]) -> list[str]:
    queries = {*old, *new}
    num_changed = sum(old.get(query) != new.get(query) for query in queries)
    return [f"{num_changed} of {len(queries)} queries have other ranks"] if num_changed else []


def _compare_scores(old: ScoreRecord, new: ScoreRecord) -> list[str]:
    if old.track_fingerprint != new.track_fingerprint:
        names = sorted(
            name for name in {*old.track, *new.track} if old.track.get(name) != new.track.get(name)
        )
        return [f"it is another track: {', '.join(names) or 'its text'} differ"]
    if old == new:
        return []
    values = {
        name: [score.metrics[name].value if name in score.metrics else None for score in (old, new)]
        for name in {**old.metrics, **new.metrics}
    }
    changed = [
        f"{name} {left} -> {right}" for name, (left, right) in values.items() if left != right
    ]
    return changed or ["intervals or counts differ"]


def _describe_field(difference: FieldDifference) -> str:
    old, new = difference.values
    return f"{difference.field}: {_format_value(old)} -> {_format_value(new)}"


def _format_value(value: Any) -> str:
    return "none" if value is None else str(value)
