"""Scores chance, the correct answers and shortcuts on the retrieval tracks of a data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from egoexobench.evaluation.query_ranking import (
    CompareGallery,
    RankedQueries,
    join_ranked_queries,
)
from egoexobench.evaluation.references import chance_score, score_retrieval_oracle
from egoexobench.evaluation.results import Score
from egoexobench.evaluation.retrieval import score_ranked_queries
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.protocols import Dataset, Progress
from egoexobench.records import schema
from egoexobench.records.convert import to_record_score
from egoexobench.records.shortcut_report import ReadsFrom, ShortcutScores
from egoexobench.shortcuts import similarity
from egoexobench.shortcuts.data import ShortcutData
from egoexobench.shortcuts.features import (
    ShortcutFeatures,
    extract_shortcut_features,
    read_annotations,
)
from egoexobench.shortcuts.synchrony import (
    SynchronyPlan,
    list_comparisons,
    measure_peaks,
)
from egoexobench.shortcuts.track_queries import TrackQueries
from egoexobench.types import TrackKey, View

GetFeature = Callable[[ShortcutFeatures], Any]
CompareFeatures = Callable[[Mapping[str, Any], Mapping[str, Any]], CompareGallery]
SHORTCUTS: Mapping[str, tuple[ReadsFrom, GetFeature, CompareFeatures]] = {
    "duration": ("media", lambda features: features.duration, similarity.compare_numbers),
    "loudness": ("media", lambda features: features.loudness, similarity.compare_numbers),
    "scene": ("annotation", lambda features: features.scene, similarity.compare_labels),
    "narration": ("annotation", lambda features: features.narration, similarity.compare_texts),
}
"""Name to what it reads, its feature, and how sources and candidates are compared by it."""


@dataclass(frozen=True, slots=True)
class RetrievalShortcuts:
    """The scores of shortcuts, and why some have none."""

    rows: tuple[ShortcutScores, ...]
    unavailable: Mapping[str, str]
    """Reason by shortcut and track."""
    num_without_audio: int
    """Clips that were decoded and have no sound."""


def score_retrieval_shortcuts(
    data: ShortcutData, tracks: Sequence[TrackQueries], progress: Progress
) -> RetrievalShortcuts:
    """Return the score of each shortcut; media are decoded if a track has no texts.

    Args:
        data: a prepared data set and the clips and pairs that are used.
        tracks: tracks of its test split.
        progress: shows the stages.

    Raises:
        DataError: for a clip that does not decode.
    """
    clips = data.clips[TEST_SPLIT]
    between_views = [track for track in tracks if not track.has_texts]
    features = read_annotations(clips, data.pairs[TEST_SPLIT])
    plan = list_comparisons(between_views, [clip.id for clip in clips])
    if between_views:
        features |= extract_shortcut_features(
            clips, progress, clip_keys=data.clip_keys, sound_ids=plan.sound_ids
        )
    views = _list_views(data.dataset)
    rows = []
    for name, (reads, get_feature, compare) in SHORTCUTS.items():
        values = {
            key: value for key, item in features.items() if (value := get_feature(item)) is not None
        }
        selected = between_views if reads == "media" else tracks
        scores = _score_all(selected, partial(_rank_values, values, compare), views)
        rows.append(ShortcutScores.model_validate({"name": name, "reads": reads, "scores": scores}))
    rows.append(_score_synchrony(plan, between_views, features, views=views, progress=progress))
    return RetrievalShortcuts(
        rows=tuple(rows),
        unavailable={f"synchrony {label}": reason for label, reason in plan.skipped.items()},
        num_without_audio=sum(features[clip.id].loudness is None for clip in clips),
    )


def score_references(
    tracks: Sequence[TrackQueries], dataset: Dataset, seed: int
) -> list[ShortcutScores]:
    """Return the scores of chance and of the correct answers.

    Args:
        tracks: tracks of the test split.
        dataset: its data set.
        seed: of the vectors of the correct answers.
    """
    views = _list_views(dataset)

    def score_oracle(track: TrackQueries) -> Score:
        rng = np.random.default_rng(seed)
        return score_retrieval_oracle(track.queries, rng=rng, policy=track.policy, views=views)

    oracles = [(item.track, score_oracle(item)) for item in tracks]
    guesses = tuple(to_record_score(track, chance_score(score)) for track, score in oracles)
    answers = tuple(to_record_score(track, score) for track, score in oracles)
    return [
        ShortcutScores(name="chance", reads="nothing", scores=guesses),
        ShortcutScores(name="oracle", reads="answers", scores=answers),
    ]


def _list_views(dataset: Dataset) -> dict[str, View]:
    return {clip.id: clip.view for clip in dataset.clips(TEST_SPLIT)}


def _rank_values(
    values: Mapping[str, Any], compare: CompareFeatures, track: TrackQueries
) -> RankedQueries | None:
    """Rank by one shortcut; None if no query can be ranked by its feature."""
    sources = {name: values[name] for name in track.sources if name in values}
    candidates = {name: values[name] for name in track.candidates if name in values}
    return similarity.rank_shortcut(
        track.queries,
        [*sources],
        [*candidates],
        compare(sources, candidates),
        policy=track.policy,
    )


def _score_synchrony(
    plan: SynchronyPlan,
    tracks: Sequence[TrackQueries],
    features: Mapping[str, ShortcutFeatures],
    *,
    views: Mapping[str, View],
    progress: Progress,
) -> ShortcutScores:
    """Return the score of compared sounds on the tracks of a plan."""
    sounds = {name: sound for name in plan.sound_ids if (sound := features[name].sound) is not None}
    peaks = measure_peaks(plan, sounds, progress)

    def rank_track(track: TrackQueries) -> RankedQueries | None:
        return similarity.rank_shortcut(
            track.queries, [*sounds], [*sounds], peaks.compare_gallery, policy=track.policy
        )

    planned = [track for track in tracks if track.label not in plan.skipped]
    scores = _score_all(planned, rank_track, views)
    return ShortcutScores(name="synchrony", reads="media", scores=scores)


def _score_all(
    tracks: Sequence[TrackQueries],
    rank_track: Callable[[TrackQueries], RankedQueries | None],
    views: Mapping[str, View],
) -> tuple[schema.ScoreRecord, ...]:
    """Score tracks; ``association`` follows its two tasks and needs no ranks of its own."""
    ranked: dict[TrackKey, RankedQueries] = {}
    records = []
    for track in tracks:
        parts = [ranked[key] for key in track.parts if key in ranked]
        if track.parts:
            result = join_ranked_queries(parts) if len(parts) == len(track.parts) else None
        else:
            result = rank_track(track)
        if result is not None:
            ranked[track.track.key] = result
            rng = np.random.default_rng(0)  # is not read: no interval of retrieval needs it
            score = score_ranked_queries(result, rng=rng, policy=track.policy, views=views)
            records.append(to_record_score(track.track, score))
    return tuple(records)
