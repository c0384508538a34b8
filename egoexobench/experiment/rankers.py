"""What ranks the candidates of queries: embeddings, or the answers of another system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, final

from egoexobench.evaluation.answers import Answer, rank_answers
from egoexobench.evaluation.graded_ranking import measure_graded
from egoexobench.evaluation.query_ranking import RankedQueries, rank_answerable
from egoexobench.evaluation.tasks import list_candidate_policies
from egoexobench.evaluation.top_candidates import find_top_candidates, list_top_answers
from egoexobench.experiment.embed import SplitEmbeddings
from egoexobench.protocols import Dataset
from egoexobench.types import (
    QUESTION_POLICIES,
    RETRIEVAL_TASKS,
    CandidatePolicy,
    Embeddings,
    Query,
    Relevance,
    Similarity,
    Task,
)

if TYPE_CHECKING:
    import torch


class QueryRanker(Protocol):
    """Ranks the candidates of the queries of one track."""

    @property
    def videos(self) -> Embeddings | None:
        """Embeddings that the linear layer of recognition reads; None if there are none."""

    def rank(
        self,
        task: Task,
        queries: Sequence[Query],
        policy: CandidatePolicy,
        relevance: Relevance | None = None,
    ) -> RankedQueries | None:
        """Rank the queries that can be ranked; None if none can.

        Where candidates are relevant to a degree, ``relevance`` says to which.
        """

    def list_policies(self, task: Task, dataset: Dataset) -> tuple[CandidatePolicy, ...]:
        """Return the candidate policies under which a task is scored; recognition has none."""

    def explain_skip(self, task: Task) -> str | None:
        """Return why the task cannot be scored; None if the reason lies in the data set."""


@final
@dataclass(frozen=True, slots=True)
class EmbeddingRanker:
    """Ranks candidates by the similarity of their embeddings to that of the query."""

    embeddings: SplitEmbeddings
    similarity: Similarity
    device: torch.device | None = None
    """Where galleries are ranked; None is the CPU, where embeddings are."""
    num_top: int = 0
    """First candidates of each query that are kept."""

    @property
    def videos(self) -> Embeddings:
        """The embeddings of the clips."""
        return self.embeddings.videos

    def rank(
        self,
        task: Task,
        queries: Sequence[Query],
        policy: CandidatePolicy,
        relevance: Relevance | None = None,
    ) -> RankedQueries | None:
        """Rank the queries whose source and positives have embeddings of one width."""
        sides = self.embeddings.get_task(task)
        if sides is None:
            return None
        ranked = rank_answerable(
            queries, *sides, policy, similarity=self.similarity, device=self.device
        )
        if ranked is not None and relevance is not None:
            graded = measure_graded(
                ranked.queries, *sides, relevance, task=task, similarity=self.similarity
            )
            ranked = replace(ranked, graded=graded)
        if ranked is None or not self.num_top:
            return ranked
        top = find_top_candidates(
            ranked.queries, *sides, self.num_top, similarity=self.similarity, device=self.device
        )
        return replace(ranked, top=top)

    def list_policies(self, task: Task, dataset: Dataset) -> tuple[CandidatePolicy, ...]:
        """Return every policy that needs no scorer."""
        return list_candidate_policies(task, dataset)

    def explain_skip(self, task: Task) -> str | None:
        """Return that there are no texts, or that the widths of the two sides differ."""
        return self.embeddings.explain_skip(task) if task in RETRIEVAL_TASKS else None


@final
@dataclass(frozen=True, slots=True)
class AnswerRanker:
    """Ranks candidates as the answers of a system do."""

    answers: Mapping[str, Answer]
    """By id of the query."""
    num_top: int = 0
    """First candidates of each query that are kept."""

    @property
    def videos(self) -> None:
        """A system that answers has no embeddings."""
        return

    def rank(
        self,
        task: Task,
        queries: Sequence[Query],
        policy: CandidatePolicy,
        relevance: Relevance | None = None,
    ) -> RankedQueries | None:
        """Rank the queries that have an answer; answers are to candidates that are right or not."""
        del relevance
        ranked = rank_answers(task, policy, queries, self.answers)
        if ranked is None or not self.num_top:
            return ranked
        top = list_top_answers(task, policy, ranked.queries, self.answers, size=self.num_top)
        return replace(ranked, top=top)

    def list_policies(self, task: Task, dataset: Dataset) -> tuple[CandidatePolicy, ...]:
        """Return every policy whose candidates are right or wrong."""
        policies = list_candidate_policies(task, dataset)
        return tuple(policy for policy in policies if policy in QUESTION_POLICIES)

    def explain_skip(self, task: Task) -> str | None:
        """Return that recognition needs embeddings, or that there is no answer."""
        if task not in RETRIEVAL_TASKS:
            return "answers rank candidates, and it needs embeddings of the training clips"
        return "no query of it has an answer"
