"""Every wrong scorer is an AssertionError that names its fault, and a right one passes."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import nn

from egoexobench.testing import check_scorer
from egoexobench.toolbox.layers import masked_mean
from egoexobench.types import Tokens


def compare_means(query: Tokens, candidate: Tokens, *_: object) -> torch.Tensor:
    """Return the products of the means of both."""
    return masked_mean(query) @ masked_mean(candidate).T


class FunctionScorer:
    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        self.score = function


class Bilinear(nn.Module):
    def __init__(self, width: int = 16, *, frozen: bool = False) -> None:
        super().__init__()
        self.layer = nn.Linear(width, width).requires_grad_(not frozen)
        self.dropout = nn.Dropout(0.5)

    def score(self, query: Tokens, candidate: Tokens, similarity: torch.Tensor) -> torch.Tensor:
        return self.dropout(self.layer(masked_mean(query)) @ masked_mean(candidate).T)


class Correction(Bilinear):
    """It starts as the similarity: its last layer starts with zeros."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.output = nn.Parameter(torch.zeros(()))

    def score(self, query: Tokens, candidate: Tokens, similarity: torch.Tensor) -> torch.Tensor:
        return similarity + self.output * super().score(query, candidate, similarity)


class IdleWeight(Bilinear):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.idle = nn.Linear(2, 2)


class DetachedScores(Bilinear):
    def score(self, query: Tokens, candidate: Tokens, similarity: torch.Tensor) -> torch.Tensor:
        return super().score(query, candidate, similarity).detach()


class HalfOnly(Bilinear):
    """A weight that a step in bf16 does not reach, because its share is cut."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.offset = nn.Parameter(torch.ones(width))

    def score(self, query: Tokens, candidate: Tokens, similarity: torch.Tensor) -> torch.Tensor:
        scores = super().score(query, candidate, similarity)
        if torch.is_autocast_enabled("cpu"):
            return scores
        return scores + (masked_mean(query) * self.offset).sum(1, keepdim=True)


class OddSettings(Bilinear):
    training_settings = "two epochs"


class RaisingOptions(Bilinear):
    def __init__(self, width: int) -> None:
        raise ValueError(f"no width {width}")


def compare_padded_means(query, candidate, similarity):
    return query.values.mean(1) @ masked_mean(candidate).T


def divide_by_count(query, candidate, similarity):
    mean = (query.values * query.mask[..., None]).sum(1) / query.mask.sum(1, keepdim=True)
    return mean @ masked_mean(candidate).T


def overwrite_input(query, candidate, similarity):
    query.values.mul_(2)
    return compare_means(query, candidate)


def test_right_scorers_pass() -> None:
    check_scorer(lambda width: FunctionScorer(compare_means))
    check_scorer(lambda width: Bilinear(width, frozen=True))
    check_scorer(Bilinear, width=8)
    check_scorer(Correction)


FUNCTIONS = [
    (
        lambda query, candidate, similarity: 1 / 0,
        "score raised ZeroDivisionError: division by zero",
    ),
    (
        lambda query, candidate, similarity: None,
        "the result of score is None (NoneType); it must be Tensor",
    ),
    (
        lambda query, candidate, similarity: compare_means(query, candidate).int(),
        "has the dtype torch.int32",
    ),
    (
        lambda query, candidate, similarity: compare_means(query, candidate).T,
        "its scores have the shape (6, 4); it must be (Q, K) = (4, 6)",
    ),
    (lambda q, c, s: compare_means(q, c) * torch.nan, "24 of 24 scores are NaN or infinite"),
    (overwrite_input, "score changes its inputs in place"),
    (lambda q, c, s: compare_means(q, c) + torch.rand(()), "the same inputs get other scores"),
    (
        lambda q, c, s: masked_mean(c).sum(1).expand(len(q.mask), -1),
        "it does not read the tokens of queries",
    ),
    (
        lambda q, c, s: masked_mean(q).sum(1)[:, None].expand(-1, len(c.mask)),
        "it does not read the tokens of candidates",
    ),
    (lambda q, c, s: compare_means(q, c).softmax(1), "alone: a score depends on other queries or"),
    (
        lambda q, c, s: compare_means(q, c) + torch.arange(float(len(c.mask))),
        "alone: a score depends on other queries or candidates",
    ),
    (lambda query, candidate, similarity: similarity, "it does not read the tokens of queries"),
    (
        lambda q, c, s: compare_means(q, c) + s - s.amax(1, keepdim=True),
        "alone: a score depends on other queries or candidates",
    ),
    (
        lambda q, c, s: compare_means(q, c) + s.mul_(2),
        "score changes its inputs in place",
    ),
    (compare_padded_means, "depends on other queries"),
    (divide_by_count, "scores of a query without tokens: 24 of 24 scores are NaN or infinite"),
]


@pytest.mark.parametrize(("function", "message"), FUNCTIONS)
def test_a_wrong_scorer_is_refused(function: Callable[..., object], message: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(message)):
        check_scorer(lambda width: FunctionScorer(function))


@pytest.mark.parametrize(
    ("scorer", "message"),
    [
        (IdleWeight, "no gradient reaches its weight 'idle.weight' in float32"),
        (DetachedScores, "the result of score has no gradient: it was detached"),
        (HalfOnly, "no gradient reaches its weight 'offset' in bfloat16"),
        (OddSettings, "training_settings is 'two epochs' (str); it must be ScorerTraining"),
        (RaisingOptions, "creating it for width 16 raised ValueError: no width 16"),
    ],
)
def test_a_scorer_that_cannot_be_trained_is_refused(
    scorer: Callable[[int], Bilinear], message: str
) -> None:
    with pytest.raises(AssertionError, match=re.escape(message)):
        check_scorer(scorer)


class TextFunction:
    """A scorer of texts with videos that is a function of their tokens."""

    def __init__(self, function: Callable[..., torch.Tensor], reads_sound: object = True) -> None:
        self.function, self.reads_sound = function, reads_sound

    def score_texts(self, text, video, audio, similarity) -> torch.Tensor:
        return self.function(text, video, audio)


def compare_all(text: Tokens, video: Tokens, audio: Tokens) -> torch.Tensor:
    return compare_means(text, video) + compare_means(text, audio)


def read_sound_padding(text: Tokens, video: Tokens, audio: Tokens) -> torch.Tensor:
    return compare_means(text, video) + masked_mean(text) @ audio.values.mean(1).T


def divide_by_sounds(text: Tokens, video: Tokens, audio: Tokens) -> torch.Tensor:
    weight = audio.mask[..., None]
    mean = (audio.values * weight).sum(1) / weight.sum(1)
    return compare_means(text, video) + masked_mean(text) @ mean.T


def test_right_scorers_of_texts_with_videos_pass() -> None:
    check_scorer(lambda width: TextFunction(compare_all))
    check_scorer(lambda width: TextFunction(lambda t, v, a: compare_means(t, v), False))


@pytest.mark.parametrize(
    ("function", "reads_sound", "message"),
    [
        (compare_all, "yes", "reads_sound is 'yes' (str); it must be bool"),
        (lambda t, v, a: compare_means(t, v), True, "it does not read the tokens of sounds"),
        (lambda t, v, a: compare_means(t, a), True, "it does not read the tokens of videos"),
        (compare_all, False, "score raised AttributeError"),
        (read_sound_padding, True, "alone: a score depends on other queries or candidates"),
        (divide_by_sounds, True, "4 of 24 scores are NaN or infinite"),
        (
            lambda t, v, a: compare_all(t, v, a).T,
            True,
            "its scores have the shape (6, 4); it must be (Q, K) = (4, 6)",
        ),
    ],
)
def test_a_wrong_scorer_of_texts_with_videos_is_refused(
    function: Callable[..., torch.Tensor], reads_sound: object, message: str
) -> None:
    with pytest.raises(AssertionError, match=re.escape(message)):
        check_scorer(lambda width: TextFunction(function, reads_sound))


def test_noise_behind_the_mask_is_padding() -> None:
    def read_last(query: Tokens, candidate: Tokens, similarity: torch.Tensor) -> torch.Tensor:
        return compare_means(query, candidate) + query.values[:, -1].sum(1)[:, None]

    with pytest.raises(AssertionError):
        check_scorer(lambda width: FunctionScorer(read_last))
