"""Answers some queries with embeddings that are computed again.

The answers to a query of a retrieval task are its candidates; those to a clip of a recognition task
are the classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from egoexobench.errors import DataError
from egoexobench.evaluation.recognition import compute_class_scores
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.prepare import TrainedMethod, embed_split, train_method
from egoexobench.experiment.scoring import label_embeddings
from egoexobench.figures.query_selection import get_query_key
from egoexobench.figures.ranking import (
    RankedCandidate,
    describe_rank_mismatch,
    rank_candidates,
    rank_classes,
)
from egoexobench.figures.replay import RecordedRun
from egoexobench.types import SPLITS, Query


@dataclass(frozen=True, slots=True)
class QueryRetrieval:
    """The first candidates or classes that a run ranks for a query, and its sound captions."""

    run: RecordedRun
    query: Query
    first: tuple[RankedCandidate, ...]
    positive: RankedCandidate | None
    """The best positive, if it is not one of the first candidates."""
    captions: Mapping[str, str]
    """Sound caption by id of the pair or clip."""
    warning: str | None

    @property
    def displayed(self) -> tuple[RankedCandidate, ...]:
        """Every candidate that is displayed."""
        return (*self.first, self.positive) if self.positive else self.first


def retrieve_candidates(
    run: RecordedRun,
    config: RunConfig,
    context: RunContext,
    *,
    queries: Sequence[Query],
    num_candidates: int,
) -> list[QueryRetrieval]:
    """Load the tokens and weights of a run, or compute them again, and rank the candidates.

    Candidates that a scorer ranked stand in the order of the scores in the bundle.

    Raises:
        DataError: if a query has no embedding any more.
    """
    trained = train_method(config, context)
    sides = embed_split(trained, (TEST_SPLIT,)).get_task(run.task)
    retrievals = []
    for query in queries:
        candidates: tuple[RankedCandidate, ...] = ()
        if sides is not None and run.policy is not None:
            candidates = rank_candidates(
                query,
                *sides,
                policy=run.policy,
                similarity=run.similarity,
                pair_scores=run.pair_scores.get(get_query_key(query)),
            )
        retrievals.append(
            _make_retrieval(
                run, trained, query, candidates=candidates, num_candidates=num_candidates
            )
        )
    return retrievals


def predict_clip_classes(
    run: RecordedRun,
    config: RunConfig,
    context: RunContext,
    *,
    queries: Sequence[Query],
    num_candidates: int,
) -> list[QueryRetrieval]:
    """Load the tokens and weights of a run, or compute them again, and rank the classes of clips.

    Raises:
        DataError: if a clip has no embedding any more.
    """
    trained = train_method(config, context)
    videos = embed_split(trained, SPLITS).videos
    train, val, test = label_embeddings(trained.scored.dataset, run.task, videos)
    class_scores = compute_class_scores(train, test, val)
    return [
        _make_retrieval(
            run,
            trained,
            query,
            candidates=rank_classes(query, class_scores),
            num_candidates=num_candidates,
        )
        for query in queries
    ]


def _make_retrieval(
    run: RecordedRun,
    trained: TrainedMethod,
    query: Query,
    *,
    candidates: tuple[RankedCandidate, ...],
    num_candidates: int,
) -> QueryRetrieval:
    if not candidates:
        raise DataError(f"{run.path} gives no embedding of query {query.source} any more")
    captions = trained.scored.inputs.captions
    first = candidates[:num_candidates]
    positive = next(candidate for candidate in candidates if candidate.is_positive)
    return QueryRetrieval(
        run=run,
        query=query,
        first=first,
        positive=None if positive in first else positive,
        captions=captions.captions if captions else {},
        warning=describe_rank_mismatch(candidates, run.ranks[get_query_key(query)]),
    )
