"""Ranks candidates by a scorer, which compares the tokens of query and candidate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch
from torch import Tensor

from egoexobench.errors import PartError
from egoexobench.evaluation.query_ranking import RankedQueries
from egoexobench.evaluation.reranking import (
    NO_CANDIDATE,
    PairScores,
    rank_pair_scores,
    select_candidates,
)
from egoexobench.evaluation.tasks import SCORER_POLICIES, TEST_SPLIT, list_candidate_policies
from egoexobench.evaluation.top_candidates import list_top_pairs
from egoexobench.experiment.build import MethodParts
from egoexobench.experiment.embed import SplitEmbeddings
from egoexobench.experiment.inputs import PreparedInputs
from egoexobench.experiment.prepare import TrainedMethod
from egoexobench.experiment.rankers import EmbeddingRanker, QueryRanker
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.models.token_table import (
    ScorerItems,
    TokenTable,
    collect_clip_tokens,
    collect_text_tokens,
    score_pairs,
)
from egoexobench.part_results import find_scores_fault, require_valid
from egoexobench.protocols import AnyScorer, Dataset, TextScorer
from egoexobench.types import (
    CROSS_VIEW_TASKS,
    RETRIEVAL_TASKS,
    TEXT_TASKS,
    CandidatePolicy,
    Embeddings,
    Gallery,
    Query,
    Relevance,
    Similarity,
    Split,
    Task,
)

MAX_PAIRS = 2048
"""Pairs of a query and a candidate that are scored in one call."""
NUM_ALONE = 12
"""Queries of each track whose pairs are scored alone once more."""
ALONE_TOLERANCE = 1e-4
"""How far a score may be from that of the pair alone, relative to the largest score."""
TokenSides = tuple[TokenTable, TokenTable]


@dataclass(frozen=True, slots=True)
class SplitTokens:
    """Tokens of the clips and the texts of a split."""

    videos: TokenTable
    texts: TokenTable | None

    def get_task(self, task: Task) -> TokenSides:
        """Return the tokens of the sources and of the candidates of a retrieval task."""
        if task in CROSS_VIEW_TASKS or self.texts is None:
            return self.videos, self.videos
        return (self.texts, self.videos) if task == "t2v" else (self.videos, self.texts)


def create_ranker(
    trained: TrainedMethod, embeddings: SplitEmbeddings, *, num_top: int = 0
) -> QueryRanker:
    """Return what ranks candidates for a method: its embeddings, and its scorer if it has one.

    Args:
        trained: the method and its data.
        embeddings: of the clips and texts.
        num_top: first candidates of each query that are kept.
    """
    parts = trained.parts
    device = torch.device(parts.device.device)
    first_stage = EmbeddingRanker(embeddings, parts.method.similarity, device, num_top)
    comparison = create_comparison(parts)
    if comparison is None:
        return first_stage
    tokens = collect_tokens(trained.model, parts, trained.scored.inputs, TEST_SPLIT)
    return ScorerRanker(first_stage, comparison, tokens)


def list_scorer_tasks(scorer: AnyScorer) -> tuple[Task, ...]:
    """Return the tasks whose candidates a scorer compares: those with texts, or all."""
    return TEXT_TASKS if isinstance(scorer, TextScorer) else RETRIEVAL_TASKS


def create_comparison(parts: MethodParts) -> PairComparison | None:
    """Return what compares pairs by the scorer of a method; None if it has none."""
    if parts.scorer is None:
        return None
    label = parts.resolved.labels["scorer"]
    return PairComparison(parts.scorer, label, parts.method.similarity, parts.seed)


def collect_tokens(
    model: EmbeddingModel, parts: MethodParts, inputs: PreparedInputs, split: Split
) -> SplitTokens:
    """Return the tokens of every clip and text of a split."""
    texts = None
    if inputs.features.narration is not None:
        ids = inputs.text_ids[split]
        texts = collect_text_tokens(model, inputs.features, ids, parts.eval_text)
    videos = collect_clip_tokens(model, inputs.features, inputs.clips[split])
    return SplitTokens(videos, texts)


@final
@dataclass(frozen=True, slots=True)
class ScorerRanker:
    """Ranks the candidates of lists, and the first of ``rerank@100``, by their scores."""

    first_stage: EmbeddingRanker
    """Ranks all other tasks and candidate policies, and the candidates that are not scored."""
    comparison: PairComparison
    tokens: SplitTokens

    @property
    def videos(self) -> Embeddings:
        """The embeddings of the clips."""
        return self.first_stage.videos

    def list_policies(self, task: Task, dataset: Dataset) -> tuple[CandidatePolicy, ...]:
        """Return the candidate policies of a task, the reranked gallery among them."""
        policies = list_candidate_policies(task, dataset)
        return (*policies, "rerank@100") if task in self.comparison.tasks else policies

    def explain_skip(self, task: Task) -> str | None:
        """Return why the embeddings cannot be ranked."""
        return self.first_stage.explain_skip(task)

    def rank(
        self,
        task: Task,
        queries: Sequence[Query],
        policy: CandidatePolicy,
        relevance: Relevance | None = None,
    ) -> RankedQueries | None:
        """Rank the queries that have embeddings.

        Raises:
            PartError: if a score is not finite, or depends on other pairs.
        """
        ranked = self.first_stage.rank(task, queries, policy, relevance)
        sides = self.first_stage.embeddings.get_task(task)
        is_scored = task in self.comparison.tasks and policy in SCORER_POLICIES
        if ranked is None or sides is None or not is_scored:
            return ranked
        tokens = self.tokens.get_task(task)
        scores = self.comparison.score_candidates(ranked.queries, sides, tokens)
        self.comparison.check_alone(ranked.queries, scores, sides, tokens)
        ranks = rank_pair_scores(ranked.queries, scores, ranked.ranks)
        num_top = self.first_stage.num_top
        top = list_top_pairs(ranked.queries, scores, num_top) if num_top else ()
        return replace(ranked, ranks=ranks, pair_scores=scores, top=top)


@final
@dataclass(frozen=True, slots=True)
class PairComparison:
    """Compares queries with the candidates that their embeddings select."""

    scorer: AnyScorer
    label: str
    """Kind, name and distribution of the scorer, for messages."""
    similarity: Similarity
    """Of the embeddings."""
    seed: int
    """Seed of the sample that is scored again."""

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks whose candidates it compares."""
        return list_scorer_tasks(self.scorer)

    def score_candidates(
        self, queries: Sequence[Query], sides: tuple[Embeddings, Embeddings], tokens: TokenSides
    ) -> PairScores:
        """Return the scores of the first candidates of each query.

        Args:
            queries: those that have embeddings.
            sides: embeddings of the sources and of the candidates.
            tokens: tokens of both.
        """
        candidates = select_candidates(queries, *sides, similarity=self.similarity)
        values = torch.zeros(candidates.shape)
        items = _join_sides(sides, tokens)
        for indices, positions in _group_by_candidates(queries, candidates):
            names = _list_names(queries[indices[0]], positions)
            rows = max(1, MAX_PAIRS // len(names))
            for start in range(0, len(indices), rows):
                block = indices[start : start + rows]
                sources = [queries[index].source for index in block]
                values[block, : len(names)] = self._score_pairs(items, sources, names)
        return PairScores(candidates, values)

    def check_alone(
        self,
        queries: Sequence[Query],
        scores: PairScores,
        sides: tuple[Embeddings, Embeddings],
        tokens: TokenSides,
    ) -> None:
        """Score the pairs of a seeded sample alone, and compare.

        Raises:
            PartError: if a score differs by more than rounding.
        """
        items = _join_sides(sides, tokens)
        order = np.random.default_rng(self.seed).permutation(len(queries))
        for index in sorted(order[:NUM_ALONE].tolist()):
            source = queries[index].source
            names = _list_names(queries[index], scores.candidates[index])
            alone = torch.cat([self._score_pairs(items, [source], [n]) for n in names], 1)[0]
            values = scores.values[index, : len(names)]
            distances = (alone - values).abs()
            if bool((distances > ALONE_TOLERANCE * alone.abs().max()).any()):
                worst = int(distances.argmax())
                raise PartError(
                    f"{self.label}: the score of {source} and {names[worst]} is "
                    f"{float(alone[worst]):.6g} alone and {float(values[worst]):.6g} beside "
                    "others; it depends on other items of its batch, earlier calls or random "
                    "numbers"
                )

    def _score_pairs(
        self,
        items: tuple[ScorerItems, ScorerItems],
        sources: Sequence[str],
        names: Sequence[str],
    ) -> Tensor:
        """Return the scores ``(Q, K)`` on the CPU."""
        with torch.inference_mode():
            scores = score_pairs(self.scorer, *items, query_ids=sources, candidate_ids=names)
        require_valid(find_scores_fault(scores, len(sources), len(names)), self.label)
        return scores.float().cpu()


def _join_sides(
    sides: tuple[Embeddings, Embeddings], tokens: TokenSides
) -> tuple[ScorerItems, ScorerItems]:
    return ScorerItems(tokens[0], sides[0]), ScorerItems(tokens[1], sides[1])


def _group_by_candidates(
    queries: Sequence[Query], candidates: Tensor
) -> Iterator[tuple[list[int], Tensor]]:
    """Yield the queries that have the same candidates, and the positions of these."""
    groups: dict[tuple[Gallery, bytes], list[int]] = {}
    for index, query in enumerate(queries):
        key = query.gallery, candidates[index].numpy().tobytes()
        groups.setdefault(key, []).append(index)
    for indices in groups.values():
        yield indices, candidates[indices[0]]


def _list_names(query: Query, positions: Tensor) -> list[str]:
    ids = query.gallery.ids
    return [ids[position] for position in positions.tolist() if position != NO_CANDIDATE]
