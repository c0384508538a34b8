"""What a recorded run answers to some queries, from embeddings that are made again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from egoexobench.errors import DataError
from egoexobench.experiment.clock import Clock
from egoexobench.experiment.config import Request
from egoexobench.experiment.prepare import Ready, ready
from egoexobench.experiment.scoring import SPLIT
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
    request: Request,
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
    found = ready(request, registry, progress, Clock())
    sides = found.embed((SPLIT,)).sides(task)
    written = _captions(found)
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


def _captions(found: Ready) -> Mapping[str, str]:
    """Sound captions by id of pair and clip, as the run had them."""
    return found.gathered.written.captions if found.gathered.written else {}
