"""Turns run records into the rows that are committed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from egoexobench.errors import DataError
from egoexobench.files import write_text_atomic
from egoexobench.leaderboard.reproduced import (
    FOLDER,
    MetricInterval,
    ReferenceLevels,
    ReproducedRow,
    ReproducedTrack,
    SeedRun,
    row_file_name,
    to_json,
)
from egoexobench.records.store import read_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from egoexobench.records.schema import Record, ScoreRecord
    from egoexobench.types import TrackKey

_COUNTS = ("tie_rule", "n", "clusters", "candidates", "dropped", "missing")


def write_reproduced_rows(records: Iterable[Path], root: Path) -> list[Path]:
    """Write one file under ``root/reproduced`` for each method, scale and data set.

    Of several scores of one seed, task, policy and split the newest stands. A file that is
    written replaces the one that was there; others are left. Failed runs are left out.

    Returns:
        The files that were written.

    Raises:
        DataError: if a record does not fit, or seeds of one row come from different methods,
            data or tracks; then nothing is written.
    """
    groups: dict[str, list[Record]] = defaultdict(list)
    for path in records:
        record = read_record(path)
        if record.status == "complete":
            groups[row_file_name(record.method, record.dataset, record.trained_on)].append(record)
    texts = {file: to_json(build_reproduced_row(found)) for file, found in sorted(groups.items())}
    for file, text in texts.items():
        write_text_atomic(root / FOLDER / file, text)
    return [root / FOLDER / file for file in texts]


def build_reproduced_row(records: Iterable[Record]) -> ReproducedRow:
    """Return the rows of records that differ in their seed alone.

    Raises:
        DataError: if they differ in method, data or track.
    """
    newest = sorted(records, key=lambda record: (record.created, record.id), reverse=True)
    _check_same_method(newest)
    tracks: dict[str, ReproducedTrack] = {}
    seen: set[tuple[int, TrackKey]] = set()
    runs = []
    for record in newest:
        scores = list(_newest_scores(record, seen))
        for score in scores:
            _add_track(tracks, _to_track(record, score), record.id)
        if scores:
            runs.append(_to_seed_run(record, scores))
    return ReproducedRow(
        method=newest[0].method,
        dataset=newest[0].dataset,
        trained_on=newest[0].trained_on,
        tracks=tuple(sorted(tracks.values(), key=_track_order)),
        runs=tuple(sorted(runs, key=lambda run: (run.seed, run.record))),
    )


def _check_same_method(records: list[Record]) -> None:
    first = records[0]
    for record in records[1:]:
        for what, ours, theirs in (
            ("method", first.method.fingerprint, record.method.fingerprint),
            ("data set", first.dataset.fingerprint, record.dataset.fingerprint),
            ("training set", _training_fingerprint(first), _training_fingerprint(record)),
        ):
            if ours != theirs:
                raise DataError(
                    f"records {first.id} and {record.id} are of one row but of different "
                    f"{what} fingerprints, {ours} and {theirs}; leave one of them out"
                )


def _training_fingerprint(record: Record) -> str:
    return record.trained_on.fingerprint if record.trained_on else "its own"


def _newest_scores(record: Record, seen: set[tuple[int, TrackKey]]) -> Iterator[ScoreRecord]:
    keys = [(record.seed, score.key) for score in record.scores]
    if len(set(keys)) < len(keys):
        raise DataError(f"record {record.id} scores one task, policy and split twice")
    for key, score in zip(keys, record.scores, strict=True):
        if key not in seen:
            seen.add(key)
            yield score


def _add_track(tracks: dict[str, ReproducedTrack], track: ReproducedTrack, record: str) -> None:
    for other in tracks.values():
        if other.key == track.key and _protocol_key(other) != _protocol_key(track):
            raise DataError(
                f"record {record} scores {track.task} on another track than the other seeds: "
                f"{describe_differences(track, other)}; leave one of them out"
            )
    tracks.setdefault(track.fingerprint, track)


def _protocol_key(track: ReproducedTrack) -> tuple[object, ...]:
    return track.fingerprint, *(getattr(track, field) for field in _COUNTS)


def describe_differences(one: ReproducedTrack, two: ReproducedTrack) -> str:
    """Say in what two tracks differ: both fingerprints, then the names of what is not equal."""
    words = {key for key in {*one.text, *two.text} if one.text.get(key) != two.text.get(key)}
    words |= {field for field in _COUNTS if getattr(one, field) != getattr(two, field)}
    listed = ", ".join(sorted(words)) or "nothing that their text names"
    return f"{short_hash(one)} and {short_hash(two)} differ in {listed}"


def short_hash(track: ReproducedTrack) -> str:
    """Return as much of a fingerprint as a reader can compare."""
    return track.fingerprint[:12]


def _to_track(record: Record, score: ScoreRecord) -> ReproducedTrack:
    known = {
        sanity.name: {metric.name: metric.value for metric in found.metrics}
        for sanity in record.sanity
        for found in sanity.scores
        if found.track_fingerprint == score.track_fingerprint
    }
    beside = {name: found for name, found in known.items() if name not in ("chance", "oracle")}
    levels = {
        metric.name: ReferenceLevels(
            unit=metric.unit,
            chance=metric.chance,
            majority=metric.majority,
            oracle=known.get("oracle", {}).get(metric.name),
            shortcuts={
                name: values[metric.name]
                for name, values in beside.items()
                if metric.name in values
            },
        )
        for metric in score.metrics
    }
    return ReproducedTrack(
        fingerprint=score.track_fingerprint,
        task=score.task,
        policy=score.policy,
        split=score.split,
        tie_rule=score.tie_rule,
        n=score.n,
        clusters=score.clusters,
        candidates=score.candidates,
        dropped=score.dropped,
        missing=score.missing,
        text=score.track,
        levels=levels,
    )


def _to_seed_run(record: Record, scores: list[ScoreRecord]) -> SeedRun:
    values: dict[str, dict[str, MetricInterval]] = {
        score.track_fingerprint: {
            metric.name: (metric.value, metric.low, metric.high) for metric in score.metrics
        }
        for score in scores
    }
    return SeedRun(
        record=record.id,
        created=record.created,
        seed=record.seed,
        git=record.git,
        python=record.environment.python,
        packages=record.environment.packages,
        plugins=record.environment.plugins,
        device=record.environment.device,
        precision=record.environment.precision,
        chosen_on=record.chosen_on,
        missing_audio=record.counts.missing_audio,
        coverage=record.coverage,
        values=values,
    )


def _track_order(track: ReproducedTrack) -> tuple[str, str, str]:
    return track.task, track.policy or "", track.split
