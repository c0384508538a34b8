"""Verifies one bundle: a record and the files beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from egoexobench.errors import DataError, format_exception_line
from egoexobench.evaluation.tasks import SCORER_POLICIES
from egoexobench.evaluation.tracks import Track
from egoexobench.records.artifacts import iter_unnamed_files
from egoexobench.records.bundle import VIDEOS
from egoexobench.records.check import iter_record_faults
from egoexobench.records.check_ranks import group_ranks, iter_rank_faults
from egoexobench.records.schema import Record
from egoexobench.records.store import make_record_id, read_unchecked_record
from egoexobench.types import FRAME_TASKS, JOINED_TASKS, RETRIEVAL_TASKS
from egoexobench.verification.bundle_content import BundleContent, read_bundle
from egoexobench.verification.result import Verification
from egoexobench.verification.verify_frames import iter_frame_differences
from egoexobench.verification.verify_galleries import iter_gallery_differences
from egoexobench.verification.verify_recognition import iter_recognition_differences
from egoexobench.verification.verify_retrieval import iter_retrieval_differences

TRACK_FIELDS = {field.name for field in fields(Track)} - {"text", "fingerprint"}
NO_EMBEDDINGS = "ranks were not recomputed: no embeddings"
NO_ANSWERS = "ranks were not recomputed: no answers"
NO_QUERIES = "intervals, the oracle, ranks and tracks were not recomputed: no queries"


def verify_bundle(path: Path) -> Verification:
    """Recompute what a record says, in this process. It never raises for a bad file."""
    differences: list[str] = []
    skipped: tuple[str, ...] = ()
    try:
        record = read_unchecked_record(path)
        differences += iter_record_faults(record)
        differences += iter_unnamed_files(path, record)
        content = read_bundle(path)
        differences += _iter_differences(content)
        skipped = tuple(_iter_skipped(content))
    except DataError as error:
        differences.append(str(error))
    except Exception as error:
        differences.append(f"it cannot be verified: {format_exception_line(error)}")
    lines = dict.fromkeys(map(_to_printable_line, differences))
    return Verification(path, tuple(lines), skipped)


def _to_printable_line(text: str) -> str:
    """Names in a forged record may hold line breaks and codes of the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _iter_skipped(content: BundleContent) -> Iterator[str]:
    if content.queries is None:
        yield NO_QUERIES
    elif content.embeddings is None and content.answers is None:
        yield NO_ANSWERS if _is_answered(content.record) else NO_EMBEDDINGS


def _is_answered(record: Record) -> bool:
    return record.method.external is not None and record.method.external.kind == "answers"


def _iter_differences(content: BundleContent) -> Iterator[str]:
    record = content.record
    if record.status != "complete":
        yield f"status: the run {record.status}"
        return
    yield from _iter_identity_differences(record)
    yield from _iter_missing_checks(content)
    faults = list(iter_rank_faults(record, content.ranks))
    yield from faults
    if content.queries is None or faults:
        return
    num_listed, num_clips = len(content.queries.views), record.counts.num_clips.get("test")
    if num_clips != num_listed:
        yield f"counts.num_clips.test: {num_clips}, the file of queries has {num_listed}"
    yield from _iter_coverage_differences(content)
    yield from iter_gallery_differences(content)
    by_key = group_ranks(record, content.ranks)
    yield from _iter_frame_clip_differences(content)
    for score in record.scores:
        if score.task in FRAME_TASKS:
            yield from iter_frame_differences(content, score)
            continue
        is_retrieval = score.task in (*RETRIEVAL_TASKS, *JOINED_TASKS)
        compare = iter_retrieval_differences if is_retrieval else iter_recognition_differences
        try:
            yield from compare(content, score, by_key[score.key])
        except DataError as error:
            yield str(error)


def _iter_missing_checks(content: BundleContent) -> Iterator[str]:
    """A version that writes queries and embeddings also writes what it checked and how it ran."""
    record = content.record
    header = content.embeddings_header
    if header and header.get("dataset") != record.dataset.fingerprint:
        yield f"embeddings: they are of data set {header.get('dataset')}, not of that of the record"
    if content.queries is None:
        return
    for score in record.scores:
        if differing := score.track.keys() ^ TRACK_FIELDS:
            yield f"scores.{score.key.label}.track: field {min(differing)!r} is missing or foreign"
    if content.answers is not None and not _is_answered(record):
        yield "answers: the record is not that of a system that answers"
    if content.embeddings is not None and _is_answered(record):
        yield "embeddings: the record is that of a system that answers"
    yield from _iter_pair_score_faults(content)
    scored = {score.key for score in record.scores}
    for key in content.top.keys() - scored:
        yield f"top candidates: {key.label} has top candidates and no score"
    optional: dict[str, object] = {"settings": record.settings, "overlap": record.overlap}
    if record.method.external is None:  # nothing could be computed again
        optional["consistency"] = record.consistency
    for name in [name for name, value in optional.items() if value is None]:
        yield f"{name}: missing, where every version that writes queries has it"


def _iter_frame_clip_differences(content: BundleContent) -> Iterator[str]:
    """The frames of the test split are of clips that the queries list, in the same views."""
    if content.frames is None or content.queries is None:
        return
    if not any(score.task in FRAME_TASKS for score in content.record.scores):
        yield "frames: the record has no score of a task on frames"
    test, views = content.frames.test, content.queries.views
    for name, view in zip(test.clip_ids, test.views, strict=True):
        if views.get(name) != view:
            yield f"frames: {name!r} is no {view} clip of the test split"
            return
    if shared := set(test.clip_ids) & set(content.frames.train.clip_ids):
        yield f"frames: {min(shared)!r} is in both splits"


def _iter_pair_score_faults(content: BundleContent) -> Iterator[str]:
    """A method with a scorer, and no other, has the scores of the pairs of each track it ranks."""
    scored = {score.key for score in content.record.scores}
    tasks = content.record.method.scorer_tasks
    if content.pair_scores and not tasks:
        yield "pair scores: the method of the record has no scorer"
    for key in content.pair_scores.keys() - scored:
        yield f"pair scores: {key.label} has pair scores and no score"
    for key in content.pair_scores.keys() if tasks else ():
        if key.task not in tasks:
            yield f"pair scores: {key.label} has pair scores, and the scorer does not rank its task"
    for key in scored - content.pair_scores.keys() if content.embeddings is not None else ():
        if key.policy in SCORER_POLICIES and key.task in tasks:
            yield f"pair scores: {key.label} has a score and no pair scores"


def _iter_coverage_differences(content: BundleContent) -> Iterator[str]:
    """A clip without an embedding is one that the record counts as left out."""
    if content.queries is None or content.embeddings is None or VIDEOS not in content.embeddings:
        return
    listed = content.queries.views.keys()
    embedded = set(content.embeddings[VIDEOS].ids)
    if unknown := embedded - listed:
        yield f"embeddings: {min(unknown)!r} is no clip of the test split"
    counts, coverage = content.record.counts, content.record.coverage
    num_excluded = sum(coverage.num_excluded.values()) if coverage else 0
    num_explained = counts.num_skipped + max(counts.num_failed, num_excluded)
    num_absent = len(listed - embedded)
    if num_absent > num_explained:
        yield (
            f"embeddings: {num_absent} clips of the test split have none, where the record counts "
            f"{num_explained} clips that were left out"
        )


def _iter_identity_differences(record: Record) -> Iterator[str]:
    fingerprints = record.method.fingerprint, record.dataset.fingerprint
    expected = make_record_id(record.created, record.seed, *fingerprints)
    if record.id != expected:
        yield f"id: {record.id} in the record, {expected} from its time, seed and fingerprints"
