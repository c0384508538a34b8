"""A scorer learns from pairs which candidate belongs to a query, and nothing else decides it."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from egoexobench.device import CPU
from egoexobench.errors import DataError, PartError, UsageError
from egoexobench.models.seeding import seeded_rng
from egoexobench.models.token_table import ScorerItems, TokenTable, score_pairs
from egoexobench.progress import NullProgress
from egoexobench.toolbox.layers import masked_mean
from egoexobench.training.scorer_loop import (
    ScorerTrainingSet,
    TrainedScorer,
    order_by_similarity,
    train_scorer_weights,
)
from egoexobench.training.training_task import BestEpoch
from egoexobench.types import VIEWS, Clip, Embeddings, Pair, ScorerTraining, Tokens

NUM_PAIRS, WIDTH = 24, 6
SETTINGS = ScorerTraining(epochs=24, batch_size=8, lr=0.05)


class Bilinear(nn.Module):
    """Compares a rotated mean of one side with the mean of the other."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(WIDTH, WIDTH)
        self.num_calls = 0

    def score(self, query_tokens: Tokens, candidate_tokens: Tokens, similarity: Tensor) -> Tensor:
        self.num_calls += 1
        return self.layer(masked_mean(query_tokens)) @ masked_mean(candidate_tokens).T


class LateFailure(Bilinear):
    def score(self, query_tokens: Tokens, candidate_tokens: Tokens, similarity: Tensor) -> Tensor:
        scores = super().score(query_tokens, candidate_tokens, similarity)
        return scores * (math.nan if self.num_calls > 4 else 1)


class DetachedScores(Bilinear):
    def score(self, query_tokens: Tokens, candidate_tokens: Tokens, similarity: Tensor) -> Tensor:
        return super().score(query_tokens, candidate_tokens, similarity).detach()


class WrongShape(Bilinear):
    def score(self, query_tokens: Tokens, candidate_tokens: Tokens, similarity: Tensor) -> Tensor:
        return super().score(query_tokens, candidate_tokens, similarity)[:, :1]


def make_pair(number: int, *, text: str | None = None, media: str = "") -> Pair:
    ego, exo = (
        Clip(f"{number}/{view}", view, media, start=0, end=1, narration="", take=str(number))
        for view in VIEWS
    )
    return Pair(str(number), ego, exo, f"text {number}" if text is None else text)


def make_training_set(pairs: list[Pair]) -> ScorerTrainingSet:
    """Tokens of both clips and of the text of a pair are noisy copies of one vector."""
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((len(pairs), WIDTH))

    def make_table(names: list[tuple[str, int]]) -> TokenTable:
        rows = {}
        for name, index in names:
            length = 2 + index % 3
            noise = 0.3 * rng.standard_normal((length, WIDTH))
            rows[name] = torch.tensor(truth[index] + noise, dtype=torch.float32)
        return TokenTable(rows)

    clips = [(clip.id, i) for i, pair in enumerate(pairs) for clip in (pair.ego, pair.exo)]
    videos = make_table(clips)
    texts = make_table([(pair.id, i) for i, pair in enumerate(pairs)])
    return ScorerTrainingSet(pairs, embed_table(videos), embed_table(texts))


def embed_table(table: TokenTable) -> ScorerItems:
    """The mean of the tokens is the embedding."""
    vectors = torch.stack([row.mean(0) for row in table.rows.values()])
    return ScorerItems(table, Embeddings(tuple(table.rows), vectors))


def make_scorer(kind: type[Bilinear] = Bilinear) -> Bilinear:
    with seeded_rng(0, "scorer"):
        return kind()


def measure_accuracy(scorer: Bilinear, training_set: ScorerTrainingSet) -> float:
    pairs = training_set.pairs
    with torch.inference_mode():
        scores = score_pairs(
            scorer,
            training_set.videos,
            training_set.videos,
            query_ids=[pair.ego.id for pair in pairs],
            candidate_ids=[pair.exo.id for pair in pairs],
        )
    return float((scores.argmax(1) == torch.arange(len(pairs))).float().mean())


def train(
    scorer: Bilinear, training_set: ScorerTrainingSet, settings: ScorerTraining = SETTINGS
) -> BestEpoch:
    return train_scorer_weights(
        TrainedScorer(scorer, scorer, "scorer 'bilinear' of nordlab 0.1", settings),
        training_set,
        0,
        CPU,
        validation_metric=lambda: measure_accuracy(scorer, training_set),
        progress=NullProgress(),
    )


PAIRS = [make_pair(number) for number in range(NUM_PAIRS)]


@pytest.mark.parametrize("negatives", ["random", "neighbors"])
def test_training_raises_the_accuracy_and_leaves_frozen_weights_of_the_best_epoch(
    negatives: str,
) -> None:
    scorer, training_set = make_scorer(), make_training_set(PAIRS)
    before = measure_accuracy(scorer, training_set)
    best = train(scorer, training_set, replace(SETTINGS, negatives=negatives))
    assert best.validation_value == measure_accuracy(scorer, training_set)
    assert best.validation_value > max(0.5, before)
    assert best.history[-1].loss < best.history[0].loss
    assert len(best.history) == SETTINGS.epochs
    assert not any(weight.requires_grad for weight in scorer.parameters())


def test_the_same_seed_gives_the_same_weights_and_no_token_changes() -> None:
    training_set = make_training_set(PAIRS)
    tokens = {name: row.clone() for name, row in training_set.videos.tokens.rows.items()}
    scorers = [make_scorer(), make_scorer()]
    epochs = [train(scorer, training_set) for scorer in scorers]
    assert epochs[0] == epochs[1]
    assert torch.equal(scorers[0].layer.weight, scorers[1].layer.weight)
    assert all(
        torch.equal(tokens[name], row) for name, row in training_set.videos.tokens.rows.items()
    )


def test_fewer_pairs_than_a_batch_are_one_batch() -> None:
    scorer = make_scorer()
    train(scorer, make_training_set(PAIRS[:5]), replace(SETTINGS, epochs=1))
    assert scorer.num_calls == 3 + 1  # ego with exo, text with each, and the validation


def test_a_method_without_texts_trains_between_the_views_alone() -> None:
    scorer, training_set = make_scorer(), make_training_set(PAIRS[:5])
    train(scorer, replace(training_set, texts=None), replace(SETTINGS, epochs=1))
    assert scorer.num_calls == 1 + 1


def test_pairs_with_one_text_are_no_negatives_of_each_other_in_tasks_with_texts() -> None:
    # all texts are equal: nothing can be learned from them, so the loss of text tasks is zero
    equal = make_training_set([make_pair(number, text="same") for number in range(8)])
    distinct = make_training_set(PAIRS[:8])
    losses = [
        train(make_scorer(), training_set, replace(SETTINGS, epochs=1, lr=1e-9)).history[0].loss
        for training_set in (equal, replace(distinct, texts=None))
    ]
    assert losses[0] == pytest.approx(losses[1] / 3, rel=0.2)


def test_pairs_of_one_moment_cannot_train() -> None:
    pairs = [make_pair(number, media="film.mp4") for number in range(3)]
    with pytest.raises(DataError, match="all 3 training pairs show one moment"):
        train(make_scorer(), make_training_set(pairs))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            LateFailure,
            r"64 of 64 scores are NaN or infinite in step 2 of its training; a smaller lr than "
            r"0.05 may help$",
        ),
        (DetachedScores, "its loss has no gradient: it was detached"),
        (WrongShape, r"its scores have the shape \(8, 1\); it must be \(Q, K\) = \(8, 8\)"),
    ],
)
def test_a_scorer_that_cannot_be_trained_stops_in_one_line(
    kind: type[Bilinear], message: str
) -> None:
    with pytest.raises(PartError, match=f"^scorer 'bilinear' of nordlab 0.1: {message}"):
        train(make_scorer(kind), make_training_set(PAIRS))


def test_a_training_that_diverges_stops_in_one_line() -> None:
    with pytest.raises(PartError, match=r"NaN or infinite in step \d+ of its training; a smaller"):
        train(make_scorer(), make_training_set(PAIRS), replace(SETTINGS, lr=1e38))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs=0 of a scorer is invalid: must be 1 or more"),
        ({"batch_size": 1}, "batch_size=1 of a scorer is invalid: must be 2 or more"),
        ({"lr": math.nan}, "lr=nan of a scorer is invalid"),
        ({"weight_decay": math.inf}, "weight_decay=inf of a scorer is invalid"),
    ],
)
def test_an_invalid_setting_is_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ScorerTraining(**values)


def test_similar_pairs_stand_in_one_group_and_each_pair_in_one() -> None:
    angles = torch.tensor([0.0, 0.1, 3.0, 3.1, 1.5, 1.6])
    vectors = torch.stack([angles.cos(), angles.sin()], 1)
    rng = torch.Generator().manual_seed(0)
    order = order_by_similarity(vectors, vectors, size=2, rng=rng)
    groups = {frozenset(order[start : start + 2]) for start in (0, 2, 4)}
    assert groups == {frozenset({0, 1}), frozenset({2, 3}), frozenset({4, 5})}
    order = order_by_similarity(vectors, vectors, size=4, rng=rng)
    assert sorted(order) == list(range(6))
