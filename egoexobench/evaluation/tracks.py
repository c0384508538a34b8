"""Tracks: a task on one split of a data set, with everything that changes its scores."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from egoexobench.evaluation.tasks import TASKS_INFO
from egoexobench.protocols import HasListVersions, HasRelevance
from egoexobench.types import (
    GRADED_POLICY,
    LISTED_POLICIES,
    CandidatePolicy,
    FrameDirection,
    FrameTask,
    Gallery,
    Query,
    Relevance,
    ScoredTask,
    Similarity,
    Split,
    Task,
    TrackKey,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from egoexobench.evaluation.queries import LabeledClip
    from egoexobench.protocols import Dataset


TrackSimilarity = Literal[Similarity, "euclidean"]
"""The last is that of frames."""
FRAME_READING: Mapping[str, str] = {"template": "{}", "similarity": "euclidean"}
"""What the tracks of frames say in place of the settings of a method, which do not matter there."""


@dataclass(frozen=True, slots=True)
class InputProtocol:
    """How clips and texts are presented to a method, and the similarity for the ranking.

    ``resolution`` is the side of a frame in pixels, None if the encoder takes frames of any size;
    ``template`` is the prompt that contains the narration.
    """

    sampling: str = "egoexolearn"
    frames: int = 8
    resolution: int | None = None
    template: str = "{}"
    similarity: Similarity = "cosine"


DEFAULT_PROTOCOL = InputProtocol()


@dataclass(frozen=True, slots=True)
class Track:
    """Scores are comparable if the fingerprints of their tracks are equal.

    ``lists`` is the version of a data set's own lists. ``data`` is the data set's fingerprint and
    ``content`` is a hash of the queries or labeled clips; it does not depend on their order, nor
    on that of the candidates. ``fingerprint`` is the SHA-256 of ``text``, which contains all other
    fields as canonical JSON.
    """

    task: ScoredTask
    dataset: str
    split: Split
    policy: CandidatePolicy | None
    lists: str | None
    version: int
    sampling: str
    frames: int
    resolution: int | None
    template: str
    similarity: TrackSimilarity
    ties: str
    data: str
    content: str
    text: str
    fingerprint: str

    @property
    def key(self) -> TrackKey:
        """Task, candidate policy and split."""
        return TrackKey(self.task, self.policy, self.split)


def build_retrieval_track(
    dataset: Dataset,
    name: str,
    key: TrackKey,
    queries: Sequence[Query],
    *,
    protocol: InputProtocol = DEFAULT_PROTOCOL,
) -> Track:
    """Return the track of some queries.

    Args:
        dataset: the data set of the queries.
        name: registered name of the data set.
        key: task, candidate policy and split of the queries.
        queries: see :func:`egoexobench.evaluation.queries.build_queries`.
        protocol: how clips and texts are presented to the method.
    """
    content = hash_queries(queries)
    if key.policy == GRADED_POLICY and isinstance(dataset, HasRelevance):
        relevance = dataset.get_relevance(key.split)
        content = hash_graded(content, relevance) if relevance else content
    return _build_track(dataset, name, key, content=content, protocol=protocol)


def build_recognition_track(
    dataset: Dataset,
    name: str,
    task: Task,
    clips: Sequence[LabeledClip],
    *,
    split: Split = "test",
    protocol: InputProtocol = DEFAULT_PROTOCOL,
) -> Track:
    """Return the track of some labeled clips.

    Args:
        dataset: the data set of the clips.
        name: registered name of the data set.
        task: a recognition task.
        clips: see :func:`egoexobench.evaluation.queries.collect_labeled_clips`.
        split: split of the clips.
        protocol: how clips and texts are presented to the method.
    """
    key = TrackKey(task, None, split)
    content = hash_labeled_clips(clips)
    return _build_track(dataset, name, key, content=content, protocol=protocol)


def build_frame_track(
    dataset: Dataset,
    name: str,
    task: FrameTask,
    direction: FrameDirection,
    *,
    content: str,
    protocol: InputProtocol = DEFAULT_PROTOCOL,
) -> Track:
    """Return the track of labeled frames of the training and of the test split.

    Args:
        dataset: the data set of the frames.
        name: registered name of the data set.
        task: a frame task.
        direction: which frames it learns or asks from, and which it is scored on.
        content: see :func:`egoexobench.evaluation.labeled_frames.hash_labeled_frames`.
        protocol: how frames are presented to the method.
    """
    key = TrackKey(task, direction)
    return _build_track(
        dataset, name, key, content=content, protocol=protocol, changes=FRAME_READING
    )


def hash_queries(queries: Sequence[Query]) -> str:
    """Return the content of a retrieval track; no order matters."""
    hashes: dict[Gallery, str] = {}
    lines = []
    for query in queries:
        if query.gallery not in hashes:
            hashes[query.gallery] = _hash_text(_to_json(sorted(query.gallery.ids)))
        fields = [query.source, sorted(query.positive_ids), query.cluster, hashes[query.gallery]]
        lines.append(_to_json(fields))
    return _hash_lines(lines)


def hash_graded(content: str, relevance: Relevance) -> str:
    """Return the content of a track with graded relevance; no order matters.

    Args:
        content: hash of the queries.
        relevance: of each clip and text.
    """
    sides = relevance.clip_ids, relevance.text_ids
    orders = [sorted(range(len(names)), key=names.__getitem__) for names in sides]
    values = relevance.values[orders[0]][:, orders[1]].astype("<f8")
    digest = hashlib.sha256(values.tobytes()).hexdigest()
    return _hash_text(_to_json([content, *map(sorted, sides), digest]))


def hash_labeled_clips(clips: Sequence[LabeledClip]) -> str:
    """Return the content of a recognition track; no order matters."""
    return _hash_lines(
        _to_json([clip.clip_id, sorted(clip.labels), clip.cluster]) for clip in clips
    )


def hash_track_items(items: Iterable[object]) -> str:
    """Return the content of a track of any items, values of JSON; no order matters."""
    return _hash_lines(map(_to_json, items))


def _build_track(
    dataset: Dataset,
    name: str,
    key: TrackKey,
    *,
    content: str,
    protocol: InputProtocol,
    changes: Mapping[str, str] = MappingProxyType({}),
) -> Track:
    draft = Track(
        task=key.task,
        dataset=name,
        split=key.split,
        policy=key.policy,
        lists=_find_list_version(dataset, key),
        version=TASKS_INFO[key.task].version,
        **(asdict(protocol) | dict(changes)),
        ties=TASKS_INFO[key.task].ties,
        data=dataset.fingerprint,
        content=content,
        text="",
        fingerprint="",
    )
    fields = asdict(draft)
    del fields["text"], fields["fingerprint"]
    text = _to_json(fields)
    return replace(draft, text=text, fingerprint=_hash_text(text))


def _find_list_version(dataset: Dataset, key: TrackKey) -> str | None:
    if key.policy not in LISTED_POLICIES or not isinstance(dataset, HasListVersions):
        return None
    return dataset.versions.get(key.split)


def _hash_lines(lines: Iterable[str]) -> str:
    return _hash_text(_to_json(sorted(lines)))


def _to_json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
