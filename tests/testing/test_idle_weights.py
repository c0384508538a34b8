"""Weights that nothing trains are found, named, and compared with what a fusion declares."""

from collections.abc import Mapping, Sequence

import pytest
import torch
from torch import nn

from egoexobench.testing import check_fusion
from egoexobench.testing.idle_weights import find_idle_weights, open_gates
from egoexobench.toolbox.layers import CrossAttention, masked_mean
from egoexobench.types import Tokens

WIDTH = 16
QUERY_AND_KEY = ["attention.in_proj_weight:query", "attention.in_proj_weight:key"]


class Attention(nn.Module):
    """Attention of the query to the context, which tells nothing of its idle weights."""

    empty_query = "context-mean"

    def __init__(self, width: int, *, is_pooled: bool = False, residual: bool = True) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.is_pooled, self.residual = is_pooled, residual

    def forward(self, query: Tokens, context: Tokens) -> torch.Tensor:
        has_query = query.mask.any(1, keepdim=True)
        keys = masked_mean(context)[:, None] if self.is_pooled else context.values
        padding = None if self.is_pooled else ~context.mask
        attended, _ = self.attention(query.values, keys, keys, key_padding_mask=padding)
        attended = attended + query.values if self.residual else attended
        return torch.where(
            has_query, masked_mean(Tokens(attended, query.mask)), masked_mean(context)
        )


class DeclaredAttention(Attention):
    idle_weights: Mapping[str, Sequence[str]] = {"one-context-token": QUERY_AND_KEY}


class WronglyDeclaredAttention(Attention):
    idle_weights: Mapping[str, Sequence[str]] = {
        "one-context-token": QUERY_AND_KEY,
        "one-query-token": ["attention.*"],
    }


class UnknownCase(Attention):
    idle_weights: Mapping[str, Sequence[str]] = {"no-token": QUERY_AND_KEY}


class UnusedMatrix(Attention):
    """Has a matrix in the state that no computation reads."""

    idle_weights: Mapping[str, Sequence[str]] = {
        "several-tokens": ("unused",),
        "one-context-token": QUERY_AND_KEY,
    }

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.unused = nn.Parameter(torch.ones(width, width))


class Gated(DeclaredAttention):
    """Starts as the mean of the context."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, query: Tokens, context: Tokens) -> torch.Tensor:
        fused = super().forward(query, context)
        mean = masked_mean(context)
        return mean + self.gate.tanh() * (fused - mean)


def compute_weighted_context(query: Tokens, context: Tokens) -> torch.Tensor:
    """Attention without weights, which ignores its query where there is one context token."""
    scores = (masked_mean(query)[:, None] * context.values).sum(2)
    scores = scores.masked_fill(~context.mask, -torch.inf)
    return (
        scores.softmax(1)[..., None] * context.values.masked_fill(~context.mask[..., None], 0)
    ).sum(1)


compute_weighted_context.empty_query = "context-mean"


def make_tokens(count: int, seed: int) -> Tokens:
    values = torch.randn(4, count, WIDTH, generator=torch.Generator().manual_seed(seed))
    return Tokens(values, torch.ones(4, count, dtype=torch.bool))


@pytest.mark.parametrize("num_context", [1, 3])
@pytest.mark.parametrize("num_query", [1, 5])
@pytest.mark.parametrize("is_pooled", [False, True])
def test_query_and_key_are_idle_exactly_where_there_is_one_key(
    num_query: int, num_context: int, is_pooled: bool
) -> None:
    fusion = Attention(WIDTH, is_pooled=is_pooled).eval()
    idle = find_idle_weights(fusion, make_tokens(num_query, 0), make_tokens(num_context, 1))
    assert idle == (QUERY_AND_KEY if is_pooled or num_context == 1 else [])


@pytest.mark.parametrize("fusion", [DeclaredAttention, UnusedMatrix, Gated])
def test_a_fusion_that_declares_its_idle_weights_passes(fusion: type[nn.Module]) -> None:
    check_fusion(fusion)


def test_the_cross_attention_of_the_toolbox_declares_them() -> None:
    check_fusion(lambda width: CrossAttention(width, 4, residual=True))
    check_fusion(lambda width: CrossAttention(width, 4, residual=False))


@pytest.mark.parametrize(
    ("make_fusion", "message"),
    [
        (
            Attention,
            "with one context token no gradient reaches attention.in_proj_weight:key, "
            "attention.in_proj_weight:query: the softmax over one key is 1",
        ),
        (
            lambda width: Attention(width, is_pooled=True),
            "with several tokens no gradient reaches attention.in_proj_weight:key",
        ),
        (WronglyDeclaredAttention, "idle_weights['one-query-token'] names attention.*, but a grad"),
        (UnknownCase, "a case of idle_weights is 'no-token'; it must be one of several-tokens"),
        (
            lambda width: compute_weighted_context,
            "with one context token it does not read its query; declare the case",
        ),
    ],
)
def test_weights_that_nothing_trains_are_named_with_their_case(make_fusion, message) -> None:
    with pytest.raises(AssertionError) as caught:
        check_fusion(make_fusion)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_closed_gate_is_opened_and_nothing_else_changes() -> None:
    fusion = Gated(WIDTH)
    before = fusion.attention.in_proj_weight.clone()
    open_gates(fusion)
    assert 0.1 <= float(fusion.gate.detach()) <= 0.3
    assert torch.equal(fusion.attention.in_proj_weight, before)
