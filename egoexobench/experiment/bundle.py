"""Collects what lies beside a record, such as its queries, class scores and embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

import torch

from egoexobench.data.graded_queries import read_relevance
from egoexobench.evaluation.answers import Answer, make_query_ids
from egoexobench.evaluation.queries import collect_labeled_clips
from egoexobench.evaluation.reranking import PairScores
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.embed import SplitEmbeddings
from egoexobench.experiment.scoring import ScoringResult
from egoexobench.protocols import Dataset, HasLabelSpace
from egoexobench.records.answers_file import format_answers
from egoexobench.records.bundle import FITTED_SPLITS, TEXTS, VIDEOS, BundleFiles
from egoexobench.records.convert import to_top_candidates
from egoexobench.records.queries_file import ScoredQueries
from egoexobench.types import (
    GRADED_POLICY,
    JOINED_TASKS,
    RECOGNITION_TASKS,
    RETRIEVAL_TASKS,
    SPLITS,
    Embeddings,
    Split,
    Task,
    TrackKey,
)


def collect_bundle_files(
    dataset: Dataset,
    scoring: ScoringResult,
    embeddings: SplitEmbeddings | None,
    answers: Mapping[str, Answer] | None = None,
) -> BundleFiles:
    """Return what a record needs beside it to be verified.

    Args:
        dataset: the data set that was scored.
        scoring: the results, with the queries of each track.
        embeddings: what was scored; None leaves it out.
        answers: what was scored instead of embeddings, by id of the query.
    """
    class_scores = {
        task: result.class_scores
        for task in RECOGNITION_TASKS
        for result in scoring.tracks
        if result.track.task == task and result.class_scores is not None
    }
    queries = _collect_queries(dataset, scoring, class_scores)
    return BundleFiles(
        queries,
        class_scores,
        None if embeddings is None else _select_embeddings(embeddings, queries),
        answers=None if answers is None else format_answers(answers, _list_query_ids(scoring)),
        pair_scores=_collect_pair_scores(scoring),
        top=[
            line
            for item in scoring.tracks
            for line in to_top_candidates(item.track, item.score, item.top)
        ],
        relevance=read_relevance(dataset, TEST_SPLIT) if _is_graded(scoring) else None,
        frames=scoring.frames,
    )


def _is_graded(scoring: ScoringResult) -> bool:
    return any(result.track.policy == GRADED_POLICY for result in scoring.tracks)


def _collect_pair_scores(scoring: ScoringResult) -> dict[TrackKey, PairScores]:
    return {
        result.track.key: result.pair_scores
        for result in scoring.tracks
        if result.pair_scores is not None
    }


def _list_query_ids(scoring: ScoringResult) -> list[str]:
    return [
        name
        for result in scoring.tracks
        for task in RETRIEVAL_TASKS
        if task == result.track.task and result.track.policy is not None
        for name in make_query_ids(task, result.track.policy, result.queries)
    ]


def _collect_queries(
    dataset: Dataset, scoring: ScoringResult, recognition_tasks: Iterable[Task]
) -> ScoredQueries:
    tasks = list(recognition_tasks)
    return ScoredQueries(
        views={clip.id: clip.view for clip in dataset.clips(TEST_SPLIT)},
        queries={
            result.track.key: list(result.queries)
            for result in scoring.tracks
            if result.queries and result.track.task not in JOINED_TASKS
        },
        labeled_clips={
            task: {split: collect_labeled_clips(dataset, split, task) for split in SPLITS}
            for task in tasks
        },
        label_spaces={
            task: space
            for task in tasks
            if isinstance(dataset, HasLabelSpace) and (space := dataset.classes(task)) is not None
        },
    )


def _select_embeddings(
    embeddings: SplitEmbeddings, queries: ScoredQueries
) -> dict[str, Embeddings]:
    """Return the embeddings that the scores were computed from, by the name of their tensor."""
    selected = {VIDEOS: _select_rows(embeddings.videos, queries.views)}
    for split in FITTED_SPLITS:
        names = sorted(set(_iter_labeled_clips(queries, split)))
        selected[f"{VIDEOS}.{split}"] = _select_rows(embeddings.videos, names)
    if embeddings.texts is not None:
        selected[TEXTS] = _select_rows(embeddings.texts, dict.fromkeys(_iter_texts(queries)))
    return {name: rows for name, rows in selected.items() if rows is not None}


def _select_rows(embeddings: Embeddings, names: Iterable[str]) -> Embeddings | None:
    available = tuple(name for name in names if name in embeddings.index)
    if not available:
        return None
    rows = torch.tensor([embeddings.index[name] for name in available])
    return Embeddings(available, embeddings.vectors[rows].float())


def _iter_labeled_clips(queries: ScoredQueries, split: Split) -> Iterator[str]:
    for by_split in queries.labeled_clips.values():
        yield from (clip.clip_id for clip in by_split.get(split, ()))


def _iter_texts(queries: ScoredQueries) -> Iterator[str]:
    for key, track_queries in queries.queries.items():
        if key.task == "t2v":
            yield from (query.source for query in track_queries)
        elif key.task == "v2t":
            galleries = dict.fromkeys(query.gallery for query in track_queries)
            yield from chain.from_iterable(gallery.ids for gallery in galleries)
