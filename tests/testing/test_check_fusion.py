"""Every wrong fusion is an AssertionError that names its fault, and a right one passes."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from egoexobench.testing import check_fusion
from egoexobench.toolbox.layers import CrossAttention, masked_mean
from egoexobench.types import Tokens


def add_means(query: Tokens, context: Tokens) -> torch.Tensor:
    """Return the sum of both means; without a query, that of the context."""
    return masked_mean(query) + masked_mean(context)


def declare(function, rule="context-mean"):
    """Say what a function gives for a row without a query."""

    def fuse(*tokens):
        return function(*tokens)

    fuse.empty_query = rule
    return fuse


class FusionLayer(nn.Module):
    """The sum of both means through a layer with dropout."""

    empty_query = "zero-query"

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(width, width)
        self.dropout = nn.Dropout(0.5)

    def forward(self, query: Tokens, context: Tokens) -> torch.Tensor:
        return self.dropout(self.layer(add_means(query, context)))


class StaysInTraining(FusionLayer):
    def train(self, mode: bool = True) -> nn.Module:
        return super().train(True)


class DetachedFusion(FusionLayer):
    def forward(self, query: Tokens, context: Tokens) -> torch.Tensor:
        return super().forward(query, context).detach()


class UnusedLayer(FusionLayer):
    def forward(self, query: Tokens, context: Tokens) -> torch.Tensor:
        return add_means(query, context)


def test_right_fusions_pass() -> None:
    check_fusion(lambda width: declare(add_means))
    check_fusion(lambda width: declare(add_means, "context-alone"))
    check_fusion(FusionLayer)
    check_fusion(lambda width: CrossAttention(width, 4, residual=False), width=32)


def overwrite_input(query, context):
    query.values.mul_(2)
    return add_means(query, context)


def plain_mean(tokens):
    return tokens.values.mean(1)


def divide_by_count(query, context):
    mean = (query.values * query.mask[..., None]).sum(1) / query.mask.sum(1, keepdim=True)
    return mean + masked_mean(context)


def return_nan_gradient(query, context):
    mean = (query.values * query.mask[..., None]).sum(1) / query.mask.sum(1, keepdim=True)
    return torch.where(query.mask.any(1, keepdim=True), mean, 0) + masked_mean(context)


def read_padding(query, context):
    has_query = query.mask.any(1, keepdim=True)
    return torch.where(
        has_query, add_means(query, context), context.values[:, 0] + plain_mean(query)
    )


def add_twice(query, context):
    """Without a query twice the context, and with one the sum."""
    has_query = query.mask.any(1, keepdim=True)
    return torch.where(has_query, add_means(query, context), 2 * masked_mean(context))


def make_row_numbers(tokens):
    return torch.arange(float(len(tokens.mask)))[:, None]


FUNCTIONS = [
    (lambda query, context: 1 / 0, "calling it raised ZeroDivisionError: division by zero"),
    (lambda query: query.values, "calling it raised TypeError"),
    (lambda query, context: None, "its result is None (NoneType); it must be Tensor"),
    (lambda query, context: add_means(query, context).numpy(), "its result is of type ndarray"),
    (
        lambda query, context: add_means(query, context).int(),
        "its result has the dtype torch.int32",
    ),
    (
        lambda query, context: query.values,
        "its result has the shape (4, 5, 16); for 4 rows it must",
    ),
    (lambda query, context: add_means(query, context)[:2], "the shape (2, 16); for 4 rows it must"),
    (lambda query, context: add_means(query, context) * torch.nan, "its result contains NaN"),
    (overwrite_input, "calling it changes its inputs in place"),
    (
        lambda query, context: add_means(query, context) + torch.rand(()),
        "the same tokens get other embeddings in evaluation mode: is dropout active?",
    ),
    (lambda query, context: masked_mean(context), "it does not read its query"),
    (
        lambda query, context: add_means(query, context) + masked_mean(context).mean(0),
        "an embedding depends on the other rows of its batch",
    ),
    (
        lambda query, context: (
            add_means(query, context) + torch.arange(4.0)[: len(query.mask), None]
        ),
        "alone: an embedding depends on the other rows of its batch, or on earlier calls (row 1 of",
    ),
    (
        lambda query, context: plain_mean(query) + masked_mean(context),
        "padded: it reads padding of its query",
    ),
    (
        lambda query, context: masked_mean(query) + plain_mean(context),
        "it reads padding of its context",
    ),
    (divide_by_count, "its result for a query without tokens contains NaN or infinity"),
    (
        lambda query, context: masked_mean(query),
        "for a query without tokens it does not use the context",
    ),
    (read_padding, "without query tokens: it reads padding of its query"),
    (return_nan_gradient, "the gradient of the query contains NaN or infinity"),
    (
        lambda query, context: add_means(Tokens(query.values.detach(), query.mask), context),
        "no gradient reaches the query",
    ),
    (
        lambda query, context: add_means(query, Tokens(context.values.detach(), context.mask)),
        "no gradient reaches the context",
    ),
]
FACTORIES: list[tuple[Callable[[int], object], str]] = [
    (lambda width: 1 / 0, "creating it for width 16 raised ZeroDivisionError"),
    (
        lambda width: CrossAttention(width, 3, residual=False),
        "creating it for width 16 raised Usage",
    ),
    (lambda width: None, "it has no method '__call__'"),
    (StaysInTraining, "eval() leaves modules in training mode: itself, layer, dropout"),
    (DetachedFusion, "its result has no gradient: it was detached, or made under no_grad"),
    (UnusedLayer, "no gradient reaches its weights"),
    (lambda width: add_means, "its attribute empty_query must be one of context-mean, context-as-"),
    (lambda width: declare(add_means, "zeros"), "empty_query is 'zeros'; it must be one of"),
    (
        lambda width: declare(lambda q, c: add_means(q, c)[:, :3]),
        "empty_query is 'context-mean', but a row without a query does not give that (its width",
    ),
    (
        lambda width: declare(lambda q, c: add_means(q, c) + 1),
        "empty_query is 'context-mean', but a row without a query does not give that (row 0 of 4)",
    ),
    (
        lambda width: declare(add_means, "context-as-query"),
        "empty_query is 'context-as-query', but",
    ),
    (lambda width: declare(add_twice, "zero-query"), "empty_query is 'zero-query', but a row"),
]


@pytest.mark.parametrize(
    ("make_fusion", "message"),
    [*((lambda width, f=f: declare(f), message) for f, message in FUNCTIONS), *FACTORIES],
)
def test_a_wrong_fusion_is_one_line_that_names_its_fault(
    make_fusion: Callable[[int], object], message: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        check_fusion(make_fusion)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
