"""Embeds the clips and texts of some splits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from egoexobench.errors import DataError
from egoexobench.evaluation.metrics import reciprocal_rank
from egoexobench.evaluation.queries import build_queries
from egoexobench.evaluation.query_ranking import filter_answerable, rank_queries
from egoexobench.evaluation.ranks import Ranks
from egoexobench.evaluation.retrieval import find_query_views, split_by_view
from egoexobench.experiment.build import MethodParts
from egoexobench.experiment.inputs import PreparedInputs
from egoexobench.experiment.subset import describe_excluded
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.models.feature_inputs import embed_clips, embed_texts
from egoexobench.protocols import Dataset
from egoexobench.types import (
    CROSS_VIEW_TASKS,
    RETRIEVAL_TASKS,
    Embeddings,
    Query,
    Similarity,
    Split,
    Task,
    View,
)

EmbeddingSide = Literal["video", "text"]
RankFunction = Callable[
    [Task, Sequence[Query], tuple[Embeddings, Embeddings]], tuple[Sequence[Query], Ranks]
]
"""Ranks queries of a task, or some of them, and returns which."""
EMBEDDING_SIDES: tuple[EmbeddingSide, ...] = ("video", "text")


@dataclass(frozen=True, slots=True)
class SplitEmbeddings:
    """Embeddings of videos by clip id, and of texts by id of their pair or clip."""

    videos: Embeddings
    texts: Embeddings | None
    """None for a method without a text encoder."""

    def get_side(self, side: EmbeddingSide) -> Embeddings | None:
        """Return the embeddings of videos or of texts; None if there are none."""
        return self.videos if side == "video" else self.texts

    def get_task(self, task: Task) -> tuple[Embeddings, Embeddings] | None:
        """Return the embeddings of the sources and of the candidates of a retrieval task.

        None for a task that `explain_skip` says cannot be scored.
        """
        sides = self._list_sides(task)
        return None if sides is None or _explain_widths(*sides) else sides

    def explain_skip(self, task: Task) -> str | None:
        """Return why the two sides of a retrieval task cannot be compared; None if they can be.

        That is so without texts, or if videos and texts have different widths.
        """
        sides = self._list_sides(task)
        return "the method has no text encoder" if sides is None else _explain_widths(*sides)

    def _list_sides(self, task: Task) -> tuple[Embeddings, Embeddings] | None:
        if task in CROSS_VIEW_TASKS:
            return self.videos, self.videos
        if self.texts is None:
            return None
        return (self.texts, self.videos) if task == "t2v" else (self.videos, self.texts)


def _explain_widths(sources: Embeddings, candidates: Embeddings) -> str | None:
    widths = sources.vectors.shape[1], candidates.vectors.shape[1]
    if widths[0] == widths[1]:
        return None
    return (
        f"it compares {widths[0]} features with {widths[1]}, and nothing maps one to another; an "
        "objective with project=true does"
    )


def embed_inputs(
    model: EmbeddingModel, parts: MethodParts, inputs: PreparedInputs, splits: Sequence[Split]
) -> SplitEmbeddings:
    """Embed every clip of some splits, and every text that is a query or a candidate there."""
    clips = [clip for split in splits for clip in inputs.clips[split]]
    require_clips(inputs, splits)
    videos = embed_clips(model, inputs.features, clips)
    if inputs.features.narration is None:
        return SplitEmbeddings(videos, None)
    text_ids = [name for split in splits for name in inputs.text_ids[split]]
    if not text_ids:  # no clip of these splits has a text
        return SplitEmbeddings(videos, Embeddings((), videos.vectors[:0]))
    texts = embed_texts(model, inputs.features, text_ids, parts.eval_text)
    return SplitEmbeddings(videos, texts)


def rank_by_embeddings(similarity: Similarity, device: torch.device | None = None) -> RankFunction:
    """Return what ranks positives by the similarity of embeddings, on a device or on the CPU."""

    def rank(
        task: Task, queries: Sequence[Query], sides: tuple[Embeddings, Embeddings]
    ) -> tuple[Sequence[Query], Ranks]:
        del task
        return queries, rank_queries(queries, *sides, similarity, device=device)

    return rank


def create_rank_function(parts: MethodParts) -> RankFunction:
    """Return what ranks positives by embeddings as the method is scored: on its device."""
    return rank_by_embeddings(parts.method.similarity, torch.device(parts.device.device))


def require_clips(inputs: PreparedInputs, splits: Sequence[Split]) -> None:
    """Check that some clip of some splits is left.

    Raises:
        DataError: if none is; it says why.
    """
    if not any(inputs.clips[split] for split in splits):
        excluded = describe_excluded(inputs.selected)
        reason = f": {excluded}" if excluded else ""
        raise DataError(f"no clip of split {' or '.join(splits)} can be used{reason}")


def validation_mrr(
    dataset: Dataset,
    embeddings: SplitEmbeddings,
    rank: RankFunction,
    tasks: Sequence[Task] = RETRIEVAL_TASKS,
) -> float:
    """Return the mean reciprocal rank on the validation split, from 0 to 1.

    It is the mean over the retrieval tasks that have a query; a task of both views is the mean of
    their means. Epochs are compared by it
    (`VALIDATION_METRIC`), whatever task is scored. The paper does not say how it chooses an epoch;
    its release compares the mean top-1 of both directions on the question file that is evaluated.
    Ranks tie less often than top-1 on a small split.

    Args:
        dataset: its validation queries are ranked.
        embeddings: of their sources and candidates.
        rank: ranks the queries of a task, with the similarity that they are scored with.
        tasks: the retrieval tasks that count.
    """
    values = []
    views: dict[str, View] = {clip.id: clip.view for clip in dataset.clips("val")}
    for task in tasks:
        if sides := embeddings.get_task(task):
            queries, _ = filter_answerable(
                build_queries(dataset, "val", task, "gallery"), *sides, "gallery"
            )
            if queries:
                ranked, ranks = rank(task, queries, sides)
                parts = split_by_view(reciprocal_rank(ranks), find_query_views(ranked, views))
                means = torch.stack([torch.from_numpy(part).mean() for part in parts])
                values.append(means.mean())
    return float(torch.stack(values).mean()) if values else 0.0
