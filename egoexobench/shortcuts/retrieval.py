"""Scores chance, the correct answers and shortcuts on every retrieval track of a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from egoexobench.errors import DataError
from egoexobench.evaluation.arrays import Floats
from egoexobench.evaluation.query_ranking import filter_answerable
from egoexobench.evaluation.references import chance_score, score_retrieval_oracle
from egoexobench.evaluation.results import Score
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.protocols import Progress
from egoexobench.records import schema
from egoexobench.records.convert import to_record_score
from egoexobench.records.shortcut_report import ReadsFrom, ShortcutReport, ShortcutScores
from egoexobench.shortcuts import similarity
from egoexobench.shortcuts.data import ShortcutData
from egoexobench.shortcuts.features import ShortcutFeatures, extract_shortcut_features
from egoexobench.shortcuts.track_queries import (
    TrackQueries,
    iter_track_queries,
    make_candidate_mask,
)
from egoexobench.types import Embeddings, View

MAX_SCORES = 2**25
"""Largest number of scores of a track, and of a square of its candidates, in memory at once."""
MAX_SOUND_CLIPS = 8_000
"""Largest number of clips whose sounds are kept in memory, of up to 128 KB each."""
MAX_AUDIO_PAIRS = 300_000
"""Largest number of audio pairs of a track that are cross-correlated; each takes half a ms."""

GetFeature = Callable[[ShortcutFeatures], Any]
CompareFeatures = Callable[[Sequence[Any], Sequence[Any]], Floats]
SHORTCUTS: Mapping[str, tuple[ReadsFrom, GetFeature, CompareFeatures]] = {
    "duration": ("media", lambda features: features.duration, similarity.negative_distance),
    "loudness": ("media", lambda features: features.loudness, similarity.negative_distance),
    "scene": ("annotation", lambda features: features.scene, similarity.label_similarity),
    "narration": ("annotation", lambda features: features.narration, similarity.tfidf_cosine),
}
"""Name to what it reads, its feature, and the scores ``(S, C)`` of two lists of features."""


def score_retrieval_shortcuts(data: ShortcutData, seed: int, progress: Progress) -> ShortcutReport:
    """Return the scores of chance, of the correct answers and of each shortcut.

    Args:
        data: a prepared data set and the clips and pairs that are used.
        seed: of the confidence intervals.
        progress: shows the stages.

    Raises:
        DataError: for a clip that does not decode, or if the data set has no queries.
    """
    tracks = list(iter_track_queries(data.dataset, data.record.name))
    if not tracks:
        raise DataError(f"{data.record.spec} asks no question in its split {TEST_SPLIT!r}")
    views: dict[str, View] = {clip.id: clip.view for clip in data.dataset.clips(TEST_SPLIT)}
    clips = data.clips[TEST_SPLIT]
    has_sounds = len(clips) <= MAX_SOUND_CLIPS
    features = extract_shortcut_features(
        clips, data.pairs[TEST_SPLIT], progress, with_sound=has_sounds
    )
    scorer = ShortcutScorer(features, views, seed)
    if not has_sounds:
        scorer.skipped["synchrony"] = (
            f"{len(clips)} clips, and the sounds of at most {MAX_SOUND_CLIPS} are compared"
        )
    rows = [
        ShortcutScores(
            name="chance",
            reads="nothing",
            scores=_score_all(tracks, lambda item: chance_score(scorer.score_oracle(item))),
        ),
        ShortcutScores(
            name="oracle", reads="answers", scores=_score_all(tracks, scorer.score_oracle)
        ),
    ]
    for name, (reads, _, _) in SHORTCUTS.items():
        scores = _score_all(tracks, partial(scorer.score_shortcut, name))
        rows.append(ShortcutScores.model_validate({"name": name, "reads": reads, "scores": scores}))
    with progress.stage("synchrony", len(tracks)) as advance:
        synchrony: list[schema.ScoreRecord] = []
        for item in tracks:
            synchrony += _score_all([item], scorer.score_synchrony)
            advance(1)
    rows.append(ShortcutScores(name="synchrony", reads="media", scores=tuple(synchrony)))
    return ShortcutReport(
        dataset=data.record,
        seed=seed,
        num_without_audio=sum(features[clip.id].loudness is None for clip in clips),
        rows=tuple(rows),
        unavailable=scorer.skipped,
    )


@final
class ShortcutScorer:
    """Scores one track at a time, and remembers which audio pairs it has compared.

    Args:
        features: by id of a clip or a pair.
        views: view of each clip, by id.
        seed: of the confidence intervals and of the vectors of the correct answers.
    """

    def __init__(
        self, features: Mapping[str, ShortcutFeatures], views: Mapping[str, View], seed: int
    ) -> None:
        self.features, self.views, self.seed = features, views, seed
        self.skipped: dict[str, str] = {}
        self._peaks: dict[frozenset[str], float] = {}

    def score_oracle(self, track_queries: TrackQueries) -> Score:
        """Return the score of the correct answers."""
        return score_retrieval_oracle(
            track_queries.queries,
            rng=self._make_rng(),
            policy=track_queries.policy,
            views=self.views,
        )

    def score_shortcut(self, name: str, track_queries: TrackQueries) -> Score | None:
        """Return the score of one shortcut; None if no source or no candidate has its feature."""
        _, get_feature, compare = SHORTCUTS[name]
        sources, candidates = self._list_ids(track_queries, get_feature)
        if not sources or not candidates:
            return None
        num_scores = max(len(sources), len(candidates)) * len(candidates)
        if num_scores > MAX_SCORES:
            self.skipped[f"{name} {track_queries.label}"] = (
                f"{len(sources)} sources and {len(candidates)} candidates are too many to compare"
            )
            return None
        scores = compare(
            [get_feature(self.features[item]) for item in sources],
            [get_feature(self.features[item]) for item in candidates],
        )
        return self._score(track_queries, sources, candidates, scores)

    def score_synchrony(self, track_queries: TrackQueries) -> Score | None:
        """Return the score of cross-correlated audio; None for texts and for too many pairs."""
        sources, candidates = self._list_ids(track_queries, lambda features: features.sound)
        if len(sources) * len(candidates) > MAX_SCORES:
            self.skipped[f"synchrony {track_queries.label}"] = (
                f"{len(sources)} sources and {len(candidates)} candidates are too many to compare"
            )
            return None
        mask = make_candidate_mask(track_queries, sources, candidates)
        if not mask.any():
            return None
        # A pair that is known already can stand in two cells, (a, b) and (b, a).
        if (num_least := int(mask.sum()) - 2 * len(self._peaks)) > MAX_AUDIO_PAIRS:
            self.skipped[f"synchrony {track_queries.label}"] = (
                f"at least {num_least} pairs of sounds, and at most {MAX_AUDIO_PAIRS} are compared"
            )
            return None
        pairs = [[frozenset((source, item)) for item in candidates] for source in sources]
        new = np.array([[pair not in self._peaks for pair in row] for row in pairs]) & mask
        if new.sum() > MAX_AUDIO_PAIRS:
            self.skipped[f"synchrony {track_queries.label}"] = (
                f"{new.sum()} pairs of sounds, and at most {MAX_AUDIO_PAIRS} are compared"
            )
            return None
        peaks = similarity.gcc_phat_peak(self._get_audio(sources), self._get_audio(candidates), new)
        for row, column in zip(*np.nonzero(new), strict=True):
            self._peaks[pairs[row][column]] = float(peaks[row, column])
        scores = np.array([[self._peaks.get(pair, 0.0) for pair in row] for row in pairs])
        return self._score(track_queries, sources, candidates, scores)

    def _list_ids(
        self, track_queries: TrackQueries, get_feature: GetFeature
    ) -> tuple[list[str], list[str]]:
        """Ids of the sources and of the candidates that have a feature."""

        def has_feature(name: str) -> bool:
            return name in self.features and get_feature(self.features[name]) is not None

        return (
            [name for name in track_queries.sources if has_feature(name)],
            [name for name in track_queries.candidates if has_feature(name)],
        )

    def _get_audio(self, ids: Sequence[str]) -> list[NDArray[np.float32]]:
        return [sound for name in ids if (sound := self.features[name].sound) is not None]

    def _score(
        self,
        track_queries: TrackQueries,
        sources: Sequence[str],
        candidates: Sequence[str],
        scores: Floats,
    ) -> Score | None:
        queries, policy = track_queries.queries, track_queries.policy
        empty = (
            Embeddings(tuple(sources), torch.empty(0)),
            Embeddings(tuple(candidates), torch.empty(0)),
        )
        if not filter_answerable(queries, *empty, policy)[0]:
            return None
        return similarity.score_shortcut(
            queries,
            sources=sources,
            candidates=candidates,
            scores=scores,
            rng=self._make_rng(),
            policy=policy,
            views=self.views,
        )

    def _make_rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)


def _score_all(
    tracks: Iterable[TrackQueries], scorer: Callable[[TrackQueries], Score | None]
) -> tuple[schema.ScoreRecord, ...]:
    scores = [(item.track, scorer(item)) for item in tracks]
    return tuple(to_record_score(track, score) for track, score in scores if score is not None)
