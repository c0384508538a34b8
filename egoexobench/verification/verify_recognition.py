"""Recomputes a recognition score: its class scores, ranks, metrics, intervals and oracle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from egoexobench.errors import DataError
from egoexobench.evaluation.queries import LabeledClip
from egoexobench.evaluation.recognition import (
    ClassScores,
    LabeledEmbeddings,
    compute_class_scores,
    score_class_scores,
)
from egoexobench.evaluation.references import chance_score, score_recognition_oracle
from egoexobench.evaluation.results import QueryResult, Score
from egoexobench.evaluation.tracks import hash_labeled_clips
from egoexobench.records.bundle import VIDEOS, StoredClassScores
from egoexobench.records.check import is_almost_equal
from egoexobench.records.queries_file import ScoredQueries
from egoexobench.records.schema import QueryRank, ScoreRecord
from egoexobench.types import RECOGNITION_TASKS, Embeddings, Split, Task
from egoexobench.verification.bundle_content import BundleContent
from egoexobench.verification.compare_scores import (
    iter_reference_differences,
    iter_score_differences,
)

CLASS_SCORE_TOLERANCE = 1e-3
"""Log-probabilities may differ so much: the search for the linear layer ends near the minimum, at
a point that depends on the last digit of the processor. Metrics are recomputed from the stored
class scores, so they need no such tolerance."""

ClipsBySplit = Mapping[Split, Sequence[LabeledClip]]


def iter_recognition_differences(
    content: BundleContent, score: ScoreRecord, rows: Sequence[QueryRank]
) -> Iterator[str]:
    """Yield one line for each thing in a recognition score that is not as the record says."""
    assert content.queries is not None  # noqa: S101 - the caller checked it
    location = f"scores.{score.key.label}"
    task = next((name for name in RECOGNITION_TASKS if name == score.task), None)
    clips: ClipsBySplit = content.queries.labeled_clips.get(task, {}) if task else {}
    stored = content.class_scores.get(task) if task else None
    if task is None or stored is None or not clips.get("train") or not clips.get("test"):
        yield f"{location}: its labeled clips or class scores are not beside the record"
        return
    if hash_labeled_clips(clips["test"]) != score.track.get("content"):
        yield f"{location}.track.content: it is not the hash of the clips beside the record"
    yield from _iter_label_differences(location, content.queries, task)
    num_dropped = score.num_dropped
    if content.embeddings is not None:
        computed = _compute_class_scores(content.embeddings, clips, location)
        num_dropped = computed.num_dropped
        yield from _iter_class_score_differences(location, stored, computed)
    by_id = {clip.clip_id: clip for clip in clips["test"]}
    if unknown := set(stored.clip_ids) - by_id.keys():
        yield f"{location}: class scores of {min(unknown)!r}, which is no clip of the test split"
        return
    if len(clips["test"]) - len(stored.clip_ids) != score.num_dropped:
        yield f"{location}.num_dropped: {score.num_dropped} is not the number without class scores"
    scored = [by_id[name] for name in stored.clip_ids]
    rng = np.random.default_rng(content.record.seed)
    recomputed = score_class_scores(
        ClassScores(scored, stored.classes, stored.values, num_dropped), rng=rng
    )
    yield from _iter_row_differences(location, rows, recomputed)
    yield from iter_score_differences(location, score, recomputed)
    references = content.record.references
    guess = chance_score(recomputed)
    yield from iter_reference_differences(references, "chance", score.key, guess)
    oracle = score_recognition_oracle(
        clips["train"], clips["test"], rng=rng, val=clips.get("val") or None
    )
    yield from iter_reference_differences(references, "oracle", score.key, oracle)


def _iter_label_differences(location: str, queries: ScoredQueries, task: Task) -> Iterator[str]:
    """Clips are of one view, and have classes of the label space if the data set has one."""
    space = queries.label_spaces.get(task)
    views = {queries.views.get(clip.clip_id) for clip in queries.labeled_clips[task]["test"]}
    view = space.view if space else "ego" if task == "scene" else "exo"
    if views != {view}:
        yield f"{location}: a clip of the test split is not of view {view}"
    by_split = queries.labeled_clips[task].values()
    labels = {label for clips in by_split for clip in clips for label in clip.labels}
    if space and (foreign := labels - set(space.names)):
        yield f"{location}: {min(foreign)!r} is no class of the label space"
    names = [clip.clip_id for clips in by_split for clip in clips]
    if len(set(names)) < len(names):
        yield f"{location}: a clip stands twice in the file of queries"


def _compute_class_scores(
    embeddings: Mapping[str, Embeddings], clips: ClipsBySplit, location: str
) -> ClassScores:
    names = {"train": f"{VIDEOS}.train", "val": f"{VIDEOS}.val", "test": VIDEOS}
    for split in ("train", "test"):
        if names[split] not in embeddings:
            raise DataError(f"{location}: the embeddings have no tensor {names[split]!r}")
    val = clips.get("val")
    return compute_class_scores(
        LabeledEmbeddings(clips["train"], embeddings[names["train"]]),
        LabeledEmbeddings(clips["test"], embeddings[names["test"]]),
        LabeledEmbeddings(val, embeddings[names["val"]]) if val else None,
    )


def _iter_class_score_differences(
    location: str, stored: StoredClassScores, computed: ClassScores
) -> Iterator[str]:
    ids = tuple(clip.clip_id for clip in computed.clips)
    if ids != stored.clip_ids or tuple(computed.classes) != stored.classes:
        yield f"{location}: the class scores are not those of the clips that have embeddings"
        return
    limits = CLASS_SCORE_TOLERANCE * computed.values.abs().clamp(1.0)
    is_equal = computed.values == stored.values  # minus infinity on both sides
    is_near = (computed.values - stored.values).abs() <= limits
    is_wrong = ~(is_equal | is_near).all(1)
    if is_wrong.any():
        first = int(is_wrong.nonzero()[0])
        yield (
            f"{location}: {int(is_wrong.sum())} of {len(ids)} rows of class scores are not those "
            f"of a linear layer on the embeddings, first {ids[first]!r}"
        )


def _iter_row_differences(
    location: str, rows: Sequence[QueryRank], recomputed: Score
) -> Iterator[str]:
    results = recomputed.query_results
    if len(rows) != len(results):
        yield f"{location}: {len(rows)} clips in the ranks, {len(results)} recomputed"
        return
    by_source = {row.source: row for row in rows}
    differing = [
        result.source for result in results if not _is_row_of(by_source.get(result.source), result)
    ]
    if differing:
        yield (
            f"{location}: {len(differing)} of {len(rows)} ranks are not those of the class scores, "
            f"first {differing[0]!r}"
        )


def _is_row_of(row: QueryRank | None, result: QueryResult) -> bool:
    if row is None or not is_almost_equal(row.top1_probability, result.top1_probability):
        return False
    recorded = row.positives, row.optimistic, row.pessimistic, row.num_candidates, row.cluster
    expected = (
        result.positive_ids,
        result.optimistic,
        result.pessimistic,
        result.num_candidates,
        result.cluster,
    )
    return recorded == expected and row.num_positives == row.num_tied_positives == 1
