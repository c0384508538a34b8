"""What a recorded run answers to some queries, from embeddings that are made again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from egoexobench.errors import DataError
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.prepare import TrainedMethod, embed_split, train_method
from egoexobench.figures.query_selection import key
from egoexobench.figures.ranking import Standing, disagreement, order
from egoexobench.figures.replay import Recorded
from egoexobench.protocols import Progress
from egoexobench.registry import Registry
from egoexobench.types import CandidatePolicy, Query, Task


@dataclass(frozen=True, slots=True)
class Answered:
    """The first candidates of a query, the best right one if it is none of them, and captions."""

    run: Recorded
    query: Query
    first: tuple[Standing, ...]
    answer: Standing | None
    captions: Mapping[str, str]
    warning: str | None

    @property
    def shown(self) -> tuple[Standing, ...]:
        """Everything that is shown."""
        return (*self.first, self.answer) if self.answer else self.first


def answers(
    run: Recorded,
    config: RunConfig,
    chosen: Sequence[Query],
    task: Task,
    policy: CandidatePolicy,
    top: int,
    registry: Registry,
    progress: Progress,
) -> list[Answered]:
    """Load a run's tokens and weights, or make them anew, and answer each query.

    Raises:
        DataError: if a query cannot be asked any more.
    """
    trained = train_method(config, RunContext(registry, progress))
    sides = embed_split(trained, (TEST_SPLIT,)).get_task(task)
    written = _captions(trained)
    told = []
    for query in chosen:
        standings = order(query, *sides, policy, run.similarity) if sides else ()
        if not standings:
            raise DataError(f"{run.path} gives no embedding of query {query.source} any more")
        first = standings[:top]
        hit = any(one.right for one in first)
        beyond = None if hit else next(one for one in standings if one.right)
        warning = disagreement(standings, run.ranks[key(query)])
        told.append(Answered(run, query, first, beyond, written, warning))
    return told


def _captions(trained: TrainedMethod) -> Mapping[str, str]:
    """Sound captions by id of pair and clip, as the run had them."""
    captions = trained.scored.inputs.captions
    return captions.captions if captions else {}
