"""The hit rate of each task before and after a swap of one modality, on either side or on both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from egoexobench.evaluation import metrics
from egoexobench.evaluation.queries import build_queries
from egoexobench.evaluation.query_ranking import filter_answerable, rank_queries
from egoexobench.evaluation.reranking import rank_pair_scores
from egoexobench.evaluation.retrieval import find_query_views, split_by_view
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.embed import EmbeddingSide, SplitEmbeddings
from egoexobench.experiment.scorer_ranker import PairComparison, SplitTokens
from egoexobench.models.token_table import TokenTable
from egoexobench.protocols import Dataset
from egoexobench.records.audit import HitRateShift
from egoexobench.types import RETRIEVAL_TASKS, Embeddings, Evidence, Query, Similarity, Task, View


@dataclass(frozen=True, slots=True)
class SideValues:
    """What a method knows of the sources or of the candidates of a task."""

    embeddings: Embeddings
    tokens: TokenTable | None
    """None where no scorer compares them."""

    def is_equal(self, other: SideValues) -> bool:
        """Whether no embedding and no token differs in a bit."""
        if not torch.equal(self.embeddings.vectors, other.embeddings.vectors):
            return False
        if self.tokens is None or other.tokens is None:
            return True
        left, right = self.tokens.rows, other.tokens.rows
        return all(torch.equal(left[name], right[name]) for name in left)


@dataclass(frozen=True, slots=True)
class SwappedSplit:
    """Embeddings of a split, and for a method with a scorer the tokens that it compares."""

    embeddings: SplitEmbeddings
    tokens: SplitTokens | None
    comparison: PairComparison | None

    def get_side(self, side: EmbeddingSide) -> Embeddings | None:
        """Return the embeddings of one side, each with the mean of its tokens if they are read."""
        embeddings = self.embeddings.get_side(side)
        if embeddings is None or self.tokens is None or not embeddings.ids:
            return embeddings
        table = self.tokens.videos if side == "video" else self.tokens.texts
        if table is None:
            return embeddings
        means = torch.stack([table.rows[name].mean(0).cpu() for name in embeddings.ids])
        return Embeddings(embeddings.ids, torch.cat([embeddings.vectors, means], 1))

    def get_task(self, task: Task) -> tuple[SideValues, SideValues] | None:
        """Return the sources and the candidates of a task; None if they cannot be compared."""
        sides = self.embeddings.get_task(task)
        if sides is None:
            return None
        is_scored = self.comparison is not None and task in self.comparison.tasks
        tokens = self.tokens.get_task(task) if self.tokens and is_scored else (None, None)
        return SideValues(sides[0], tokens[0]), SideValues(sides[1], tokens[1])


def measure_hit_rates(
    dataset: Dataset,
    modality: Evidence,
    before: SwappedSplit,
    after: SwappedSplit,
    *,
    similarity: Similarity,
) -> list[HitRateShift]:
    """Return the hit rate of each task on the gallery, reranked by the scorer if there is one."""
    shifts = []
    views: dict[str, View] = {clip.id: clip.view for clip in dataset.clips(TEST_SPLIT)}
    for task in RETRIEVAL_TASKS:
        old, new = before.get_task(task), after.get_task(task)
        if old is None or new is None:
            continue
        queries, _ = filter_answerable(
            build_queries(dataset, TEST_SPLIT, task, "gallery"),
            old[0].embeddings,
            old[1].embeddings,
            "gallery",
        )
        if not queries:
            continue
        has_moved = [not left.is_equal(right) for left, right in zip(old, new, strict=True)]
        query_views = find_query_views(queries, views)
        compute = partial(
            _compute_hit_rate, queries, query_views, before.comparison, similarity=similarity
        )
        shifts.append(
            HitRateShift(
                task=task,
                modality=modality,
                n=len(queries),
                before=compute(old),
                query=compute((new[0], old[1])) if has_moved[0] else None,
                candidate=compute((old[0], new[1])) if has_moved[1] else None,
                both=compute(new),
            )
        )
    return shifts


def _compute_hit_rate(
    queries: Sequence[Query],
    query_views: Sequence[str],
    comparison: PairComparison | None,
    sides: tuple[SideValues, SideValues],
    *,
    similarity: Similarity,
) -> float:
    """In percent, the mean over the views as in a record."""
    embeddings = sides[0].embeddings, sides[1].embeddings
    ranks = rank_queries(queries, *embeddings, similarity)
    tokens = sides[0].tokens, sides[1].tokens
    if comparison is not None and tokens[0] is not None and tokens[1] is not None:
        scores = comparison.score_candidates(queries, embeddings, (tokens[0], tokens[1]))
        ranks = rank_pair_scores(queries, scores, ranks)
    hits = metrics.hit_rate_at_k(ranks, 1)
    return 100 * float(np.mean([part.mean() for part in split_by_view(hits, query_views)]))
