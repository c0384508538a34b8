"""Builds the row of the runs of one method, scale and data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.errors import DataError
from egoexobench.leaderboard.reproduced import (
    ReferenceLevels,
    ReproducedRow,
    ReproducedTrack,
    SeedRun,
)
from egoexobench.leaderboard.stored_ranks import describe_queries, format_ranks
from egoexobench.records.artifacts import EMBEDDINGS_SUFFIX, find_artifact
from egoexobench.records.external import replace_content
from egoexobench.records.schema import ScoreRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from egoexobench.leaderboard.run_source import RunSource
    from egoexobench.records.schema import MethodRecord, Record
    from egoexobench.types import TrackKey

NO_CONTENT = "0" * 64
_SHARED_FIELDS = ReproducedTrack.model_fields.keys() & ScoreRecord.model_fields.keys()
_PROTOCOL_FIELDS = sorted(_SHARED_FIELDS - {"task", "policy", "split"})


def build_reproduced_row(sources: Iterable[RunSource]) -> ReproducedRow:
    """Return the row of runs that differ in nothing but their seed.

    Raises:
        DataError: if they differ in method, data, track or queries, or two of one seed differ in a
            score.
    """
    newest = sorted(
        sources, key=lambda source: (source.record.created, source.record.id), reverse=True
    )
    _check_same_method([source.record for source in newest])
    _check_distinct_seeds([source.record for source in newest])
    tracks: dict[str, ReproducedTrack] = {}
    visited: dict[tuple[int, TrackKey], tuple[str, ScoreRecord]] = {}
    runs = []
    method = newest[0].record.method
    for source in newest:
        scores = list(_iter_new_scores(source.record, visited))
        for score in scores:
            _add_track(tracks, _to_track(source, score), source.record.id)
        if scores:
            runs.append(_to_seed_run(source, scores, method))
    return ReproducedRow(
        method=method,
        dataset=newest[0].record.dataset,
        trained_on=newest[0].record.trained_on,
        tracks=tuple(sorted(tracks.values(), key=_sort_key)),
        runs=tuple(sorted(runs, key=lambda run: (run.seed, run.record))),
    )


def _check_same_method(records: list[Record]) -> None:
    first = records[0]
    for record in records[1:]:
        for noun, expected, fingerprint in (
            ("method", _hash_without_content(first), _hash_without_content(record)),
            ("data set", first.dataset.fingerprint, record.dataset.fingerprint),
            ("media files", *_list_media_hashes(first, record)),
            ("training set", _get_training_fingerprint(first), _get_training_fingerprint(record)),
        ):
            if expected != fingerprint:
                raise DataError(
                    f"records {first.id} and {record.id} belong to the same leaderboard row but "
                    f"were made with different versions of the {noun} (fingerprints {expected} "
                    f"and {fingerprint}); leave one of them out"
                )


def _check_distinct_seeds(records: list[Record]) -> None:
    """Two seeds of a method that is trained, or of another lab, never have the same embeddings."""
    by_hash: dict[str, Record] = {}
    for record in records:
        content = _find_seed_content(record)
        if content is None:
            continue
        other = by_hash.setdefault(content, record)
        if other.seed != record.seed:
            noun = record.method.external.kind if record.method.external else "embeddings"
            raise DataError(
                f"records {record.id} and {other.id} have the same {noun}, but the seeds "
                f"{record.seed} and {other.seed}; one of them is a copy: leave it out"
            )


def _find_seed_content(record: Record) -> str | None:
    """Return a hash of what is another one for each seed; None if seeds need not differ."""
    if record.method.external is not None:
        return record.method.external.content
    artifact = find_artifact(record, EMBEDDINGS_SUFFIX)
    is_trained = record.checkpoint_selection is not None
    return artifact.sha256 if artifact and is_trained else None


def _list_media_hashes(*records: Record) -> list[str]:
    """The hashes of the media files, or nothing if one of the runs did not have them."""
    hashes = [record.dataset.media_hash for record in records]
    return [text or "" for text in hashes] if all(hashes) else [""] * len(hashes)


def _hash_without_content(record: Record) -> str:
    """The fingerprint of a method; each seed of an external one has embeddings of its own."""
    return replace_content(record.method, NO_CONTENT).fingerprint


def _get_training_fingerprint(record: Record) -> str:
    return record.trained_on.fingerprint if record.trained_on else "of the scored data set"


def _iter_new_scores(
    record: Record, visited: dict[tuple[int, TrackKey], tuple[str, ScoreRecord]]
) -> Iterator[ScoreRecord]:
    """The scores of a record that no other record of its seed has; an equal one is the same."""
    keys = [(record.seed, score.key) for score in record.scores]
    if len(set(keys)) < len(keys):
        raise DataError(f"record {record.id} scores one task, policy and split twice")
    for key, score in zip(keys, record.scores, strict=True):
        if key not in visited:
            visited[key] = record.id, score
            yield score
            continue
        other_id, other = visited[key]
        if difference := _find_score_difference(score, other):
            is_external = record.method.external is not None
            hint = ", or score it again with another --name" if is_external else ""
            raise DataError(
                f"records {record.id} and {other_id} of one method and seed {record.seed} differ "
                f"in {score.key.label}: {difference}; leave one of them out{hint}"
            )


def _find_score_difference(score: ScoreRecord, other: ScoreRecord) -> str:
    """The first difference of two scores on one task, policy and split; empty if there is none."""
    if score.track_fingerprint != other.track_fingerprint:
        return f"the tracks are {score.track_fingerprint[:12]} and {other.track_fingerprint[:12]}"
    for name in sorted(score.metrics.keys() | other.metrics.keys()):
        values = [
            item.metrics[name].value if name in item.metrics else None for item in (score, other)
        ]
        if values[0] != values[1]:
            return f"{name} is {values[0]} and {values[1]}"
    return ""


def _add_track(tracks: dict[str, ReproducedTrack], track: ReproducedTrack, record_id: str) -> None:
    for other in tracks.values():
        if other.key != track.key:
            continue
        if _make_protocol_key(other) != _make_protocol_key(track):
            raise DataError(
                f"record {record_id} scores {track.task} on another track than the other seeds: "
                f"{describe_track_differences(track, other)}; leave one of them out"
            )
        if other.queries != track.queries:
            raise DataError(
                f"record {record_id} scores {track.key.label} on other queries than the other "
                "seeds, or in other clusters; leave one of them out"
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


def _to_track(source: RunSource, score: ScoreRecord) -> ReproducedTrack:
    ranks = source.ranks.get(score.key)
    return ReproducedTrack(
        fingerprint=score.track_fingerprint,
        text=score.track,
        references=_collect_references(source.record, score),
        queries=describe_queries(ranks) if ranks else None,
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


def _to_seed_run(source: RunSource, scores: list[ScoreRecord], method: MethodRecord) -> SeedRun:
    record, environment = source.record, source.record.environment
    external = record.method.external
    return SeedRun(
        record=record.id,
        created=record.created,
        seed=record.seed,
        git=record.git,
        python=environment.python,
        packages=environment.packages,
        plugins=environment.plugins,
        device=environment.device,
        precision=environment.precision,
        checkpoint_selection=record.checkpoint_selection,
        missing_audio=record.counts.missing_audio,
        coverage=record.coverage,
        metrics={score.track_fingerprint: score.metrics for score in scores},
        ranks={
            score.track_fingerprint: format_ranks(source.ranks[score.key])
            for score in scores
            if source.ranks.get(score.key)
        },
        command=record.command,
        platform=environment.platform,
        processor=environment.processor,
        num_threads=environment.num_threads,
        overlap=record.overlap,
        num_unfair=record.counts.num_unfair,
        verification=source.verification,
        audits=source.audits,
        content=external.content if external and external != method.external else None,
    )


def _sort_key(track: ReproducedTrack) -> tuple[str, str, str]:
    return track.task, track.policy or "", track.split
