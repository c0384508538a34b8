"""Trains the weights of a scorer on the tokens of a method that does not change any more."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from egoexobench.device import DeviceConfig, autocast
from egoexobench.errors import PartError
from egoexobench.models.token_table import ScorerItems, score_pairs
from egoexobench.part_results import find_loss_fault, find_scores_fault, require_valid
from egoexobench.protocols import AnyScorer, Progress, TextScorer
from egoexobench.training.batches import Batch, draw_batches
from egoexobench.training.epochs import train_epochs
from egoexobench.training.loop import count_steps
from egoexobench.training.moments import find_moments
from egoexobench.training.resume_file import ResumeFile
from egoexobench.training.training_task import BestEpoch, TrainingTask
from egoexobench.types import Pair, ScorerTraining

STAGE = "train scorer"


@dataclass(frozen=True, slots=True)
class ScorerTrainingSet:
    """The training pairs, and what the trained method computes from them."""

    pairs: Sequence[Pair]
    videos: ScorerItems
    texts: ScorerItems | None
    """By id of the pair; None for a method without texts."""


@dataclass(frozen=True, slots=True)
class TrainedScorer:
    """A scorer as it is trained."""

    module: nn.Module
    scorer: AnyScorer
    """The same object."""
    label: str
    """Kind, name and distribution, for messages."""
    settings: ScorerTraining


class _Side(NamedTuple):
    """Items of one kind, one of each pair."""

    items: ScorerItems
    ids: list[str]


class _Comparison(NamedTuple):
    """What is compared in a batch, and which candidates are as right as the own one."""

    queries: _Side
    candidates: _Side
    is_equal: Tensor | None


def train_scorer_weights(
    trained: TrainedScorer,
    training_set: ScorerTrainingSet,
    seed: int,
    device_config: DeviceConfig,
    *,
    validation_metric: Callable[[], float],
    progress: Progress,
    resume_file: ResumeFile | None = None,
) -> BestEpoch:
    """Train a scorer and leave it with the weights of its best epoch, frozen.

    A batch of B pairs compares its ego with its exo clips, and its texts with either. Each of the
    three comparisons is one call with B queries and B candidates; a random number of each step
    decides which side is the query, so that both directions are trained. The loss is the mean of
    the cross-entropies of the rows and of the columns of the scores ``(B, B)``, with the own pair
    as the right one: InfoNCE with negatives of the batch. A `TextScorer` has no comparison of the
    two views. With ``neighbors`` these are hard for the
    first stage, as in Gao et al., arXiv:2101.08751, who have the loss of the rows. Candidates with
    an equal text do not count in comparisons with texts.

    Args:
        trained: its module is trained in place.
        training_set: the pairs and their tokens.
        seed: decides the order of the pairs and the random numbers of dropout.
        device_config: where and how precisely it is computed.
        validation_metric: of the current scorer on the validation split; larger is better.
        progress: shows the stage, one step an epoch.
        resume_file: where the training goes on if it was interrupted; None starts it anew.

    Raises:
        DataError: if all pairs show one moment, so that there is no negative.
        PartError: if scores are not finite or have no gradient.
    """
    settings = trained.settings
    moments = find_moments(training_set.pairs)
    rng = torch.Generator().manual_seed(seed)
    has_views = not isinstance(trained.scorer, TextScorer)
    neighbors = _join_views(training_set) if settings.negatives == "neighbors" else None

    def draw_epoch() -> list[Batch]:
        order = None
        if neighbors is not None:
            order = order_by_similarity(*neighbors, size=settings.batch_size, rng=rng)
        return draw_batches(moments, settings.batch_size, rng, order)

    def compute_loss(batch: Batch, step: int) -> Tensor:
        pairs = [training_set.pairs[index] for index in batch]
        with autocast(device_config):
            losses = [
                _compute_comparison_loss(trained, comparison, step)
                for comparison in _iter_comparisons(training_set, pairs, rng, has_views=has_views)
            ]
        return torch.stack(losses).mean()

    task = TrainingTask(
        stage=STAGE,
        module=trained.module,
        settings=settings,
        num_steps=count_steps(moments, settings.batch_size, seed, settings.epochs),
        rng=rng,
        draw_epoch=draw_epoch,
        compute_loss=compute_loss,
        validation_metric=validation_metric,
    )
    best_epoch = train_epochs(task, seed, device_config, progress=progress, resume_file=resume_file)
    trained.module.requires_grad_(False)
    return best_epoch


def order_by_similarity(
    vectors: Tensor, targets: Tensor, *, size: int, rng: torch.Generator
) -> list[int]:
    """Return all rows in groups of ``size``: a random row and those that it is most similar to.

    A row stands in one group. Batches of similar items are hard for each other (NGAME,
    arXiv:2207.04452, which clusters them).

    Args:
        vectors: ``(N, D)``.
        targets: ``(N, D)``; row i is similar to row j if the product of vector i and target j is
            large.
        size: of a group.
        rng: draws the first row of each group.
    """
    order: list[int] = []
    is_free = torch.ones(len(vectors), dtype=torch.bool)
    for first in torch.randperm(len(vectors), generator=rng).tolist():
        if not is_free[first]:
            continue
        similarity = targets @ vectors[first]
        similarity[first] = math.inf
        similarity[~is_free] = -math.inf
        group = similarity.topk(min(size, int(is_free.sum()))).indices
        is_free[group] = False
        order += group.tolist()
    return order


def _join_views(training_set: ScorerTrainingSet) -> tuple[Tensor, Tensor]:
    """Return two vectors of each pair, so that ego clips are compared with exo clips."""
    ego_ids, exo_ids = _list_clip_ids(training_set.pairs)
    ego = training_set.videos.select_vectors(ego_ids)
    exo = training_set.videos.select_vectors(exo_ids)
    ego, exo = functional.normalize(ego, dim=1), functional.normalize(exo, dim=1)
    return torch.cat([ego, exo], 1), torch.cat([exo, ego], 1)


def _iter_comparisons(
    training_set: ScorerTrainingSet,
    pairs: Sequence[Pair],
    rng: torch.Generator,
    *,
    has_views: bool,
) -> Iterator[_Comparison]:
    videos, texts = training_set.videos, training_set.texts
    described = [pair for pair in pairs if texts is not None and pair.id in texts.tokens.rows]
    ego, exo = (_Side(videos, ids) for ids in _list_clip_ids(pairs))
    compared = [(ego, exo)] if has_views else []
    is_equal = None
    if texts is not None and len(described) > 1:
        side = _Side(texts, [pair.id for pair in described])
        compared += [(side, _Side(videos, ids)) for ids in _list_clip_ids(described)]
        is_equal = _find_equal_texts([pair.narration for pair in described])
    for left, right in compared:
        is_reversed = bool(torch.rand((), generator=rng) < 0.5)
        queries, candidates = (right, left) if is_reversed else (left, right)
        yield _Comparison(queries, candidates, None if left is ego else is_equal)


def _list_clip_ids(pairs: Sequence[Pair]) -> tuple[list[str], list[str]]:
    return [pair.ego.id for pair in pairs], [pair.exo.id for pair in pairs]


def _find_equal_texts(narrations: Sequence[str]) -> Tensor | None:
    """Return where two pairs ``(B, B)`` have one text; None if no two have."""
    if len(set(narrations)) == len(narrations):
        return None
    numbers = torch.tensor([narrations.index(text) for text in narrations])
    return (numbers[:, None] == numbers[None, :]).fill_diagonal_(False)


def _compute_comparison_loss(trained: TrainedScorer, comparison: _Comparison, step: int) -> Tensor:
    queries, candidates, is_equal = comparison
    scores = score_pairs(
        trained.scorer,
        queries.items,
        candidates.items,
        query_ids=queries.ids,
        candidate_ids=candidates.ids,
    )
    num_rows = len(queries.ids)
    if fault := find_scores_fault(scores, num_rows, num_rows):
        hint = f"; a smaller lr than {trained.settings.lr:g} may help" if step > 1 else ""
        raise PartError(f"{trained.label}: {fault} in step {step} of its training{hint}")
    scores = scores.float()
    if is_equal is not None:
        scores = scores.masked_fill(is_equal.to(scores.device), -math.inf)
    rows = torch.arange(num_rows, device=scores.device)
    loss = (functional.cross_entropy(scores, rows) + functional.cross_entropy(scores.T, rows)) / 2
    require_valid(find_loss_fault(loss), trained.label)
    return loss
