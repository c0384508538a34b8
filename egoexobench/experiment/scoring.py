"""Scores every task that can be scored, each with the scores of chance and of the oracle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np

from egoexobench.data.graded_queries import read_relevance
from egoexobench.data.sampling import get_canonical_name, reads_every_frame
from egoexobench.data.unfair_queries import UnfairQuery, list_unfair_queries
from egoexobench.errors import DataError, UsageError, notify
from egoexobench.evaluation.labeled_frames import (
    NO_FRAMES,
    AvailableFrames,
    LabeledFrames,
    hash_labeled_frames,
    score_frame_oracle,
    score_frame_positions,
    score_labeled_frames,
)
from egoexobench.evaluation.queries import build_queries, collect_labeled_clips
from egoexobench.evaluation.query_ranking import (
    CandidateList,
    RankedQueries,
    join_ranked_queries,
)
from egoexobench.evaluation.recognition import (
    ClassScores,
    LabeledEmbeddings,
    compute_class_scores,
    score_class_scores,
)
from egoexobench.evaluation.references import score_recognition_oracle, score_retrieval_oracle
from egoexobench.evaluation.reranking import PairScores
from egoexobench.evaluation.results import Score
from egoexobench.evaluation.retrieval import score_ranked_queries
from egoexobench.evaluation.tasks import TEST_SPLIT, find_frame_task
from egoexobench.evaluation.tracks import (
    InputProtocol,
    Track,
    build_frame_track,
    build_recognition_track,
    build_retrieval_track,
)
from egoexobench.experiment.build import MethodParts
from egoexobench.experiment.rankers import QueryRanker
from egoexobench.method import Method
from egoexobench.protocols import Dataset, HasResolution, Progress
from egoexobench.results.run_result import SkippedTask
from egoexobench.types import (
    FRAME_DIRECTIONS,
    FRAME_TASKS,
    GRADED_POLICY,
    JOINED_TASKS,
    RETRIEVAL_TASKS,
    CandidatePolicy,
    Embeddings,
    FrameTask,
    Query,
    ScoredTask,
    Task,
    TrackKey,
    View,
)


@dataclass(frozen=True, slots=True)
class TrackResult:
    """One track, the score of the method on it, and the score of the correct answers."""

    track: Track
    score: Score
    oracle: Score
    queries: Sequence[Query] = ()
    """Every query that was asked; none for recognition."""
    class_scores: ClassScores | None = None
    """For recognition."""
    pair_scores: PairScores | None = None
    """What a scorer gave to the candidates of the ranked queries."""
    top: Sequence[CandidateList] = ()
    """The first candidates of each ranked query; empty if nobody wants them."""
    position: Score | None = None
    """For tracks of frames: the score of the position of a frame in its clip alone."""


@dataclass(frozen=True, slots=True)
class ScoringResult:
    """The result on every track, and the tasks that could not be scored."""

    tracks: Sequence[TrackResult]
    skipped: Sequence[SkippedTask]
    unfair: Sequence[UnfairQuery] = ()
    """Listed queries of the scored tasks that are left out."""
    frames: LabeledFrames | None = None
    """What the tracks of frames were scored on; None without such a track."""

    def count_queries(self) -> dict[ScoredTask, int]:
        """Return the queries of each task that was scored, in the track that has most of them."""
        counts: dict[ScoredTask, int] = {}
        for result in self.tracks:
            task = result.track.task
            counts[task] = max(counts.get(task, 0), result.score.num_queries)
        return counts


def score_tasks(scorer: TaskScorer, tasks: Sequence[Task], progress: Progress) -> ScoringResult:
    """Score every task of the test split that can be scored.

    Args:
        scorer: the data set, and what ranks its candidates.
        tasks: the tasks to score.
        progress: shows the stage, one step for each task.

    Raises:
        UsageError: if none of the tasks can be scored.
    """
    tracks: list[TrackResult] = []
    skipped: list[SkippedTask] = []
    with progress.stage("evaluate", len(tasks)) as advance:
        for task in tasks:
            results = scorer.score_task(task)
            tracks += results
            if not results:
                skipped.append(SkippedTask(task, scorer.explain_skip(task)))
            advance(1)
    if not tracks:
        raise UsageError("; ".join(f"{item.task}: {item.reason}" for item in skipped))
    for joined, parts in JOINED_TASKS.items():
        if set(parts) <= set(tasks):
            tracks += scorer.score_joined(joined)
    retrieval_tasks = [task for task in tasks if task in RETRIEVAL_TASKS]
    unfair = list_unfair_queries(scorer.dataset, [TEST_SPLIT], retrieval_tasks)
    has_frames = any(result.track.task in FRAME_TASKS for result in tracks)
    return ScoringResult(tracks, skipped, unfair, scorer.frames.frames if has_frames else None)


def get_input_protocol(parts: MethodParts) -> InputProtocol:
    """Return how the method reads clips and texts; it is part of every track."""
    method = parts.method
    video = parts.encoders.get("video") or parts.encoders.get("joint")
    encoder = video.encoder if video else None
    is_unknown = video is not None and video.feature_source is not None
    return InputProtocol(
        sampling="unknown" if is_unknown else get_canonical_name(method.frame_sampling),
        frames=0 if is_unknown else count_track_frames(method),
        resolution=encoder.resolution if isinstance(encoder, HasResolution) else None,
        template=method.text_template,
        similarity=method.similarity,
    )


def count_track_frames(method: Method) -> int:
    """Return the number of frames of a clip as a track says it: 0 where all are read."""
    return 0 if reads_every_frame(method.frame_sampling) else method.num_frames


def label_embeddings(
    dataset: Dataset, task: Task, videos: Embeddings
) -> tuple[LabeledEmbeddings, LabeledEmbeddings | None, LabeledEmbeddings]:
    """Return the labeled clips of train, val and test; None if val has no labeled clip."""
    train, val, test = (
        LabeledEmbeddings(collect_labeled_clips(dataset, split, task), videos)
        for split in ("train", "val", "test")
    )
    return train, val if val.clips else None, test


@final
@dataclass(frozen=True, slots=True)
class TaskScorer:
    """Scores a data set on one task at a time."""

    dataset: Dataset
    name: str
    ranker: QueryRanker
    """Ranks the candidates of queries, from embeddings or from answers."""
    protocol: InputProtocol
    seed: int
    """Seed of the confidence intervals."""
    frames: AvailableFrames = NO_FRAMES
    """What the tasks on frames are scored on."""
    _ranked: dict[TrackKey, RankedQueries] = field(default_factory=dict, init=False)
    """What was ranked, so that ``association`` joins it."""
    _reasons: dict[FrameTask, list[str]] = field(default_factory=dict, init=False)
    """Why a task on frames has no score in a direction."""

    def score_task(self, task: Task) -> list[TrackResult]:
        """Return the result on each track of a task; none if it cannot be scored."""
        if task in RETRIEVAL_TASKS:
            return self._score_retrieval(task)
        if frame_task := find_frame_task(task):
            return self._score_frames(frame_task)
        return self._score_recognition(task)

    def explain_skip(self, task: Task) -> str:
        """Return why a task has no result."""
        if frame_task := find_frame_task(task):
            return self.frames.reason or self._reasons[frame_task][0]
        if reason := self.ranker.explain_skip(task):
            return reason
        if task not in RETRIEVAL_TASKS:
            return f"{self.name} has no labels for it in its splits 'train' and {TEST_SPLIT!r}"
        return f"no question of split {TEST_SPLIT!r} of {self.name} can be asked"

    def score_joined(self, task: ScoredTask) -> list[TrackResult]:
        """Return the mean of two tasks that were scored, for each candidate policy of it."""
        results, parts = [], JOINED_TASKS[task]
        policies = self.ranker.list_policies(parts[0], self.dataset)
        for policy in policies if task == "association" else [GRADED_POLICY]:
            keys = [TrackKey(part, policy) for part in parts]
            if all(key in self._ranked for key in keys):
                by_part = [build_queries(self.dataset, TEST_SPLIT, part, policy) for part in parts]
                names = () if task == "association" else parts
                ranked = join_ranked_queries([self._ranked[key] for key in keys], names)
                queries = [query for part in by_part for query in part]
                groups = [name for name, part in zip(names, by_part, strict=False) for _ in part]
                results.append(self._score_track(task, queries, ranked, policy, groups=groups))
        return results

    def _score_retrieval(self, task: Task) -> list[TrackResult]:
        results = []
        for policy in self.ranker.list_policies(task, self.dataset):
            queries = build_queries(self.dataset, TEST_SPLIT, task, policy)
            is_graded = policy == GRADED_POLICY
            relevance = read_relevance(self.dataset, TEST_SPLIT) if is_graded else None
            if ranked := self.ranker.rank(task, queries, policy, relevance):
                self._ranked[TrackKey(task, policy)] = ranked
                results.append(self._score_track(task, queries, ranked, policy))
        return results

    def _score_recognition(self, task: Task) -> list[TrackResult]:
        videos = self.ranker.videos
        if videos is None:
            return []
        train, val, test = label_embeddings(self.dataset, task, videos)
        if not train.clips or not test.clips:
            return []
        rng = np.random.default_rng(self.seed)
        class_scores = compute_class_scores(train, test, val)
        score = score_class_scores(class_scores, rng=rng)
        oracle = score_recognition_oracle(
            train.clips, test.clips, rng=rng, val=val.clips if val else None
        )
        scored = build_recognition_track(
            self.dataset, self.name, task, test.clips, protocol=self.protocol
        )
        return [TrackResult(scored, score, oracle, class_scores=class_scores)]

    def _score_frames(self, task: FrameTask) -> list[TrackResult]:
        if (frames := self.frames.frames) is None:
            return []
        results = []
        content = hash_labeled_frames(frames)
        for direction in FRAME_DIRECTIONS:
            try:
                score, oracle, position = (
                    compute(frames, task, direction, rng=np.random.default_rng(self.seed))
                    for compute in (
                        score_labeled_frames,
                        score_frame_oracle,
                        score_frame_positions,
                    )
                )
            except (DataError, UsageError) as error:  # a view without frames, no scikit-learn
                self._reasons.setdefault(task, []).append(str(error))
                continue
            track = build_frame_track(
                self.dataset,
                self.name,
                task,
                direction,
                content=content,
                protocol=self.protocol,
            )
            results.append(TrackResult(track, score, oracle, position=position))
        for reason in self._reasons.get(task, ()) if results else ():
            notify(f"{task} has no score in one direction: {reason}")
        return results

    def _score_track(
        self,
        task: ScoredTask,
        queries: Sequence[Query],
        ranked: RankedQueries,
        policy: CandidatePolicy,
        *,
        groups: Sequence[str] = (),
    ) -> TrackResult:
        views: dict[str, View] = {clip.id: clip.view for clip in self.dataset.clips(TEST_SPLIT)}
        rng = np.random.default_rng(self.seed)
        return TrackResult(
            track=build_retrieval_track(
                self.dataset,
                self.name,
                TrackKey(task, policy),
                queries,
                protocol=self.protocol,
            ),
            score=score_ranked_queries(ranked, rng=rng, policy=policy, views=views),
            oracle=score_retrieval_oracle(
                queries, rng=rng, policy=policy, views=views, groups=groups
            ),
            queries=queries,
            pair_scores=ranked.pair_scores,
            top=ranked.top,
        )
