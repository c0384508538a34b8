"""Every wrong scorer is an AssertionError that names its fault, and a right one passes."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import nn

from egoexobench.testing import check_scorer
from egoexobench.toolbox.layers import masked_mean
from egoexobench.types import Tokens


def compare_means(query: Tokens, candidate: Tokens) -> torch.Tensor:
    """Return the products of the means of both."""
    return masked_mean(query) @ masked_mean(candidate).T


class FunctionScorer:
    def __init__(self, function: Callable[[Tokens, Tokens], torch.Tensor]) -> None:
        self.score = function


class Bilinear(nn.Module):
    def __init__(self, *, frozen: bool) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 16).requires_grad_(not frozen)
        self.dropout = nn.Dropout(0.5)

    def score(self, query: Tokens, candidate: Tokens) -> torch.Tensor:
        return self.dropout(self.layer(masked_mean(query)) @ masked_mean(candidate).T)


def compare_padded_means(query, candidate):
    return query.values.mean(1) @ masked_mean(candidate).T


def divide_by_count(query, candidate):
    mean = (query.values * query.mask[..., None]).sum(1) / query.mask.sum(1, keepdim=True)
    return mean @ masked_mean(candidate).T


def overwrite_input(query, candidate):
    query.values.mul_(2)
    return compare_means(query, candidate)


def test_right_scorers_pass() -> None:
    check_scorer(FunctionScorer(compare_means))
    check_scorer(Bilinear(frozen=True))


FUNCTIONS = [
    (lambda query, candidate: 1 / 0, "score raised ZeroDivisionError: division by zero"),
    (lambda query, candidate: None, "the result of score is None (NoneType); it must be Tensor"),
    (lambda query, candidate: compare_means(query, candidate).int(), "has the dtype torch.int32"),
    (
        lambda query, candidate: compare_means(query, candidate).T,
        "its scores have the shape (6, 4); it must be (Q, K) = (4, 6)",
    ),
    (lambda q, c: compare_means(q, c) * torch.nan, "24 of 24 scores are NaN or infinite"),
    (overwrite_input, "score changes its inputs in place"),
    (lambda q, c: compare_means(q, c) + torch.rand(()), "the same tokens get other scores"),
    (lambda q, c: masked_mean(c).sum(1).expand(len(q.mask), -1), "it does not read queries"),
    (
        lambda q, c: masked_mean(q).sum(1)[:, None].expand(-1, len(c.mask)),
        "it does not read candidates",
    ),
    (lambda q, c: compare_means(q, c).softmax(1), "alone: a score depends on other queries or"),
    (
        lambda q, c: compare_means(q, c) + torch.arange(float(len(c.mask))),
        "alone: a score depends on other queries or candidates",
    ),
    (compare_padded_means, "depends on other queries"),
    (divide_by_count, "scores of a query without tokens: 24 of 24 scores are NaN or infinite"),
]


@pytest.mark.parametrize(("function", "message"), FUNCTIONS)
def test_a_wrong_scorer_is_refused(function: Callable[..., object], message: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(message)):
        check_scorer(FunctionScorer(function))


def test_weights_that_wait_for_a_training_are_refused() -> None:
    with pytest.raises(AssertionError, match=r"its weight 'layer\.weight' waits to be trained"):
        check_scorer(Bilinear(frozen=False))


def test_noise_behind_the_mask_is_padding() -> None:
    def read_last(query: Tokens, candidate: Tokens) -> torch.Tensor:
        return compare_means(query, candidate) + query.values[:, -1].sum(1)[:, None]

    with pytest.raises(AssertionError):
        check_scorer(FunctionScorer(read_last))
