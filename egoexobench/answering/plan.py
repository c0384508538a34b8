"""Which questions are asked, and in which order their candidates stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from egoexobench.errors import UsageError
from egoexobench.evaluation.answers import make_query_ids
from egoexobench.evaluation.queries import require_queries
from egoexobench.hashing import sort_by_hash
from egoexobench.protocols import Dataset
from egoexobench.types import CandidatePolicy, Query, Task


@dataclass(frozen=True, slots=True)
class PlannedQuestion:
    """A query, and its candidates in the order in which the answerer sees them."""

    query_id: str
    task: Task
    source: str
    candidates: tuple[str, ...]

    @property
    def text_ids(self) -> tuple[str, ...]:
        """The ids that mean a text."""
        if self.task == "t2v":
            return (self.source,)
        return self.candidates if self.task == "v2t" else ()

    @property
    def clip_ids(self) -> tuple[str, ...]:
        """The ids that mean a clip."""
        if self.task == "t2v":
            return self.candidates
        return (self.source,) if self.task == "v2t" else (self.source, *self.candidates)


def select_questions(
    dataset: Dataset,
    name: str,
    tasks: Sequence[Task],
    policy: CandidatePolicy,
    *,
    seed: int,
    max_queries: int | None,
) -> list[PlannedQuestion]:
    """Return the questions of the test split, in an order that says nothing.

    A smaller ``max_queries`` asks the first of the same questions, so that a part can be asked
    first and the rest later.

    Args:
        dataset: the data set.
        name: of the data set, for messages.
        tasks: retrieval tasks.
        policy: candidate policy.
        seed: of the order of questions and of the candidates of each question.
        max_queries: largest number of questions of each task; None asks all.

    Raises:
        UsageError: if a task has no such policy.
        DataError: if a task has no such queries.
    """
    questions: list[PlannedQuestion] = []
    for task in tasks:
        queries = require_queries(dataset, name, task, policy)
        by_id = dict(zip(make_query_ids(task, policy, queries), queries, strict=True))
        ids = sort_by_hash(by_id, f"{seed} order of questions")[:max_queries]
        questions += [_order_candidates(item, task, by_id[item], seed) for item in ids]
    return questions


def _order_candidates(query_id: str, task: Task, query: Query, seed: int) -> PlannedQuestion:
    candidates = sort_by_hash(query.gallery.ids, f"{seed} candidates of {query_id}")
    return PlannedQuestion(query_id, task, query.source, tuple(candidates))


def check_num_candidates(
    questions: Sequence[PlannedQuestion], max_candidates: int, label: str
) -> None:
    """Check that no question has more candidates than an answerer takes.

    Raises:
        UsageError: with both numbers.
    """
    most = max((len(question.candidates) for question in questions), default=0)
    if most > max_candidates:
        raise UsageError(
            f"a question has {most} candidates, where {label} takes up to {max_candidates}: use "
            "--policy mcq20, whose lists are short, or a larger max_candidates if it has this "
            "option"
        )
