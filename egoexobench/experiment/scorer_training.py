"""Trains the scorer of a method once: the same tokens and seed load the weights of the first time.

It is the second of two stages. The first one trains the embeddings, and its weights do not change
any more; so another scorer does not train them again, and a method without a scorer waits for
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from torch import nn

from egoexobench import files
from egoexobench.evaluation.query_ranking import rank_queries
from egoexobench.evaluation.ranks import Ranks
from egoexobench.evaluation.reranking import rank_pair_scores
from egoexobench.experiment.build import MethodParts
from egoexobench.experiment.embed import SplitEmbeddings, embed_inputs, validation_mrr
from egoexobench.experiment.inputs import PreparedInputs
from egoexobench.experiment.prepare import TrainedMethod
from egoexobench.experiment.rankers import EmbeddingRanker
from egoexobench.experiment.scorer_ranker import (
    PairComparison,
    SplitTokens,
    collect_tokens,
    create_comparison,
)
from egoexobench.experiment.training import require_pairs
from egoexobench.experiment.weights_identity import describe_scorer_weights, explain_new_training
from egoexobench.features.encoder_state import hash_state_dict
from egoexobench.hashing import hash_json
from egoexobench.models.token_table import ScorerItems
from egoexobench.protocols import Dataset, HasTrainingSettings, Progress, TextScorer
from egoexobench.training import checkpoint
from egoexobench.training.resume_file import ResumeFile
from egoexobench.training.scorer_loop import (
    STAGE,
    ScorerTrainingSet,
    TrainedScorer,
    train_scorer_weights,
)
from egoexobench.training.training_metrics import TrainingMetrics
from egoexobench.types import Embeddings, Pair, Query, ScorerTraining, Split, Task

MAX_VALIDATION_QUERIES = 256
"""Queries of each task whose candidates are scored after each epoch; a seeded sample of more."""


def has_trainable_scorer(parts: MethodParts) -> bool:
    """Return whether a method has a scorer with weights that require gradients."""
    scorer = parts.scorer
    return isinstance(scorer, nn.Module) and any(
        weight.requires_grad for weight in scorer.parameters()
    )


def train_scorer(trained: TrainedMethod, progress: Progress) -> TrainedMethod:
    """Train the scorer of a trained method, or load the weights of an equal training.

    Returns:
        The method with the best epoch of its scorer; unchanged if the scorer is not trained.

    Raises:
        DataError: if the data set has too few pairs.
        PartError: if the scorer returns something wrong.
    """
    parts, training_set = trained.parts, trained.trained_on
    scorer = parts.scorer
    comparison = create_comparison(parts)
    if comparison is None or not has_trainable_scorer(parts) or not isinstance(scorer, nn.Module):
        return trained
    identity = describe_scorer_weights(
        parts, training_set, embeddings_hash=hash_state_dict(trained.model)
    )
    folder = files.cache_dir() / "weights"
    path = folder / f"{hash_json(identity)}.safetensors"
    if best_epoch := checkpoint.load_checkpoint(path, scorer):
        TrainingMetrics(progress, STAGE).log_history(best_epoch.history)
        scorer.requires_grad_(False)
        return replace(trained, scorer_epoch=best_epoch)
    name = f"scorer {parts.method.scorer!r}"
    resume_file = ResumeFile.of_weights(path, identity, name)
    if not path.exists() and not resume_file.path.exists():  # nothing has said yet why
        explain_new_training(folder, identity, name)
    pairs = _select_pairs(comparison, training_set.inputs)
    require_pairs(training_set, len(pairs))
    settings = ScorerTraining()
    if isinstance(scorer, HasTrainingSettings):
        settings = scorer.training_settings
    tokens, embeddings = _collect_split(trained, "train")
    validation = _ValidationSet(
        trained.trained_on.dataset, comparison, *_collect_split(trained, "val")
    )
    best_epoch = train_scorer_weights(
        TrainedScorer(scorer, comparison.scorer, comparison.label, settings),
        _join_training_set(pairs, tokens, embeddings),
        parts.seed,
        parts.device,
        validation_metric=lambda: validation.measure_mrr(scorer),
        progress=progress,
        resume_file=resume_file,
    )
    checkpoint.save_checkpoint(path, scorer, best_epoch, identity)
    resume_file.remove()
    return replace(trained, scorer_epoch=best_epoch)


def _select_pairs(comparison: PairComparison, inputs: PreparedInputs) -> Sequence[Pair]:
    """Return the training pairs; for a scorer of texts with videos, those that have a text."""
    pairs = inputs.pairs["train"]
    if not isinstance(comparison.scorer, TextScorer):
        return pairs
    text_ids = set(inputs.text_ids["train"])
    return [pair for pair in pairs if pair.id in text_ids]


def _collect_split(trained: TrainedMethod, split: Split) -> tuple[SplitTokens, SplitEmbeddings]:
    """Return tokens and embeddings of a split; without texts if these cannot be compared."""
    model, parts, inputs = trained.model, trained.parts, trained.trained_on.inputs
    tokens = collect_tokens(model, parts, inputs, split)
    embeddings = embed_inputs(model, parts, inputs, [split])
    ranker = EmbeddingRanker(embeddings, parts.method.similarity)
    if ranker.explain_skip("t2v"):
        return replace(tokens, texts=None), replace(embeddings, texts=None)
    return tokens, embeddings


def _join_training_set(
    pairs: Sequence[Pair], tokens: SplitTokens, embeddings: SplitEmbeddings
) -> ScorerTrainingSet:
    texts = None
    if tokens.texts is not None and embeddings.texts is not None:
        texts = ScorerItems(tokens.texts, embeddings.texts)
    return ScorerTrainingSet(pairs, ScorerItems(tokens.videos, embeddings.videos), texts)


@final
@dataclass(frozen=True, slots=True)
class _ValidationSet:
    """Measures a scorer on the validation split: the first candidates of each gallery, reranked."""

    dataset: Dataset
    comparison: PairComparison
    tokens: SplitTokens
    embeddings: SplitEmbeddings

    def measure_mrr(self, scorer: nn.Module) -> float:
        """Return the mean reciprocal rank, from 0 to 1, with the current weights."""
        scorer.eval()
        tasks = self.comparison.tasks
        return validation_mrr(self.dataset, self.embeddings, self._rank, tasks)

    def _rank(
        self, task: Task, queries: Sequence[Query], sides: tuple[Embeddings, Embeddings]
    ) -> tuple[Sequence[Query], Ranks]:
        order = np.random.default_rng(self.comparison.seed).permutation(len(queries))
        sample = [queries[index] for index in sorted(order[:MAX_VALIDATION_QUERIES].tolist())]
        scores = self.comparison.score_candidates(sample, sides, self.tokens.get_task(task))
        first_stage = rank_queries(sample, *sides, self.comparison.similarity)
        return sample, rank_pair_scores(sample, scores, first_stage)
