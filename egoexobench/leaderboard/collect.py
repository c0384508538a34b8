"""Turns run records into the rows that are committed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from egoexobench.errors import DataError
from egoexobench.files import write_text_atomic
from egoexobench.leaderboard.reproduced import (
    FOLDER,
    ReferenceLevels,
    ReproducedRow,
    ReproducedTrack,
    SeedRun,
    make_row_file_name,
    read_reproduced_row,
    to_json,
)
from egoexobench.records.schema import ScoreRecord
from egoexobench.records.store import read_record, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from egoexobench.records.schema import Record
    from egoexobench.types import TrackKey

_SHARED_FIELDS = ReproducedTrack.model_fields.keys() & ScoreRecord.model_fields.keys()
_PROTOCOL_FIELDS = sorted(_SHARED_FIELDS - {"task", "policy", "split"})


def write_reproduced_rows(records: Iterable[Path], root: Path) -> list[Path]:
    """Write one file under ``root/reproduced`` for each method, scale and data set.

    If several records score the same seed, task, policy and split, the newest one counts. An
    existing file of the same name is replaced; others are left. Failed runs are skipped.

    Returns:
        The files that were written.

    Raises:
        DataError: if a record is not valid, or the seeds of one row come from different methods,
            data or tracks; then nothing is written.
    """
    groups: dict[str, list[Record]] = defaultdict(list)
    for path in records:
        record = read_record(path)
        if record.status == "complete":
            file_name = make_row_file_name(record.method, record.dataset, record.trained_on)
            groups[file_name].append(record)
    texts = {name: to_json(build_reproduced_row(group)) for name, group in sorted(groups.items())}
    for name, text in texts.items():
        write_text_atomic(root / FOLDER / name, text)
    return [root / FOLDER / name for name in texts]


def upgrade_reproduced_rows(root: Path) -> list[Path]:
    """Write every file under ``root/reproduced`` again, in the schema version of today.

    A file gets the name that its row has today.

    Returns:
        The files that were written because their text or their name changed.

    Raises:
        DataError: with the file and the field that is wrong; then nothing is written.
    """
    paths = sorted((root / FOLDER).glob("*.json"))
    rows = {path: read_reproduced_row(path) for path in paths}
    written = []
    for path, row in rows.items():
        name = make_row_file_name(row.method, row.dataset, row.trained_on)
        target, text = path.with_name(name), to_json(row)
        if target != path or read_text(path) != text:
            write_text_atomic(target, text)
            written.append(target)
        if target != path:
            path.unlink()
    return written


def build_reproduced_row(records: Iterable[Record]) -> ReproducedRow:
    """Return the row of records that differ in nothing but their seed.

    Raises:
        DataError: if they differ in method, data or track.
    """
    newest = sorted(records, key=lambda record: (record.created, record.id), reverse=True)
    _check_same_method(newest)
    tracks: dict[str, ReproducedTrack] = {}
    visited: set[tuple[int, TrackKey]] = set()
    runs = []
    for record in newest:
        scores = list(_newest_scores(record, visited))
        for score in scores:
            _add_track(tracks, _to_track(record, score), record.id)
        if scores:
            runs.append(_to_seed_run(record, scores))
    return ReproducedRow(
        method=newest[0].method,
        dataset=newest[0].dataset,
        trained_on=newest[0].trained_on,
        tracks=tuple(sorted(tracks.values(), key=_sort_key)),
        runs=tuple(sorted(runs, key=lambda run: (run.seed, run.record))),
    )


def _check_same_method(records: list[Record]) -> None:
    first = records[0]
    for record in records[1:]:
        for noun, expected, fingerprint in (
            ("method", first.method.fingerprint, record.method.fingerprint),
            ("data set", first.dataset.fingerprint, record.dataset.fingerprint),
            ("training set", _get_training_fingerprint(first), _get_training_fingerprint(record)),
        ):
            if expected != fingerprint:
                raise DataError(
                    f"records {first.id} and {record.id} belong to the same leaderboard row but "
                    f"were made with different versions of the {noun} (fingerprints {expected} "
                    f"and {fingerprint}); leave one of them out"
                )


def _get_training_fingerprint(record: Record) -> str:
    return record.trained_on.fingerprint if record.trained_on else "of the scored data set"


def _newest_scores(record: Record, visited: set[tuple[int, TrackKey]]) -> Iterator[ScoreRecord]:
    keys = [(record.seed, score.key) for score in record.scores]
    if len(set(keys)) < len(keys):
        raise DataError(f"record {record.id} scores one task, policy and split twice")
    for key, score in zip(keys, record.scores, strict=True):
        if key not in visited:
            visited.add(key)
            yield score


def _add_track(tracks: dict[str, ReproducedTrack], track: ReproducedTrack, record_id: str) -> None:
    for other in tracks.values():
        if other.key == track.key and _make_protocol_key(other) != _make_protocol_key(track):
            raise DataError(
                f"record {record_id} scores {track.task} on another track than the other seeds: "
                f"{describe_track_differences(track, other)}; leave one of them out"
            )
    tracks.setdefault(track.fingerprint, track)


def _make_protocol_key(track: ReproducedTrack) -> tuple[object, ...]:
    return track.fingerprint, *(getattr(track, field) for field in _PROTOCOL_FIELDS)


def describe_track_differences(left: ReproducedTrack, right: ReproducedTrack) -> str:
    """Return both fingerprints and the names of the fields that differ."""
    names = {key for key in {*left.text, *right.text} if left.text.get(key) != right.text.get(key)}
    names |= {name for name in _PROTOCOL_FIELDS if getattr(left, name) != getattr(right, name)}
    listed = ", ".join(sorted(names)) or "no field of their text"
    return f"{shorten_fingerprint(left)} and {shorten_fingerprint(right)} differ in {listed}"


def shorten_fingerprint(track: ReproducedTrack) -> str:
    """Return the part of a fingerprint that a reader can compare."""
    return track.fingerprint[:12]


def _to_track(record: Record, score: ScoreRecord) -> ReproducedTrack:
    return ReproducedTrack(
        fingerprint=score.track_fingerprint,
        text=score.track,
        references=_collect_references(record, score),
        **{name: getattr(score, name) for name in _SHARED_FIELDS},
    )


def _collect_references(record: Record, score: ScoreRecord) -> dict[str, ReferenceLevels]:
    """The values of the oracle and of the shortcuts on the track of a score, by metric."""
    by_reference = {
        reference.name: {name: metric.value for name, metric in scored.metrics.items()}
        for reference in record.references
        for scored in reference.scores
        if scored.track_fingerprint == score.track_fingerprint
    }
    oracle = by_reference.pop("oracle", {})
    by_reference.pop("chance", None)  # every metric has its chance level
    return {
        metric: ReferenceLevels(
            oracle=oracle.get(metric),
            shortcuts={
                name: values[metric] for name, values in by_reference.items() if metric in values
            },
        )
        for metric in score.metrics
    }


def _to_seed_run(record: Record, scores: list[ScoreRecord]) -> SeedRun:
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
        checkpoint_selection=record.checkpoint_selection,
        missing_audio=record.counts.missing_audio,
        coverage=record.coverage,
        metrics={score.track_fingerprint: score.metrics for score in scores},
    )


def _sort_key(track: ReproducedTrack) -> tuple[str, str, str]:
    return track.task, track.policy or "", track.split
