"""The contract of fusions."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from egoexobench.part_results import find_vectors_fault
from egoexobench.protocols import Fusion, HasEmptyQueryRule
from egoexobench.testing.assertions import (
    check_choice,
    check_eval_mode,
    check_finite,
    check_gradient,
    check_has,
    check_rows,
    check_that,
    check_unchanged,
    check_valid,
    is_close,
    report_errors,
    run_backward,
)
from egoexobench.testing.idle_weights import check_idle_weights, open_gates
from egoexobench.testing.tokens import add_padding
from egoexobench.toolbox.layers import masked_mean
from egoexobench.types import EMPTY_QUERY_RULES, Tokens

_NUM_ROWS = 4


def check_fusion(make_fusion: Callable[[int], Fusion], *, width: int = 16, seed: int = 0) -> None:
    """Check that a fusion reads its query and not padding or other rows.

    It must say what it gives for a row without a query (`HasEmptyQueryRule`), and which weights
    nothing trains (`HasIdleWeights`); both are checked. Weights that are all zeros get random
    numbers first, since a fusion may start as the identity.

    Args:
        make_fusion: creates the fusion for a width, such as its factory.
        width: D of the tokens.
        seed: of weights and tokens.

    Raises:
        AssertionError: with the first fault.
    """
    torch.manual_seed(seed)
    with report_errors(f"creating it for width {width}"):
        fusion = make_fusion(width)
    check_has(fusion, methods=["__call__"])
    if isinstance(fusion, nn.Module):
        fusion.eval()
        check_eval_mode(fusion, "eval() leaves modules in training mode")
        open_gates(fusion)
    query, context = _make_tokens(5, width), _make_tokens(3, width)
    with torch.inference_mode():
        _check_reading(fusion, query, context)
        _check_empty_query(fusion, query, context)
    _check_gradients(fusion, query, context)
    check_idle_weights(fusion, query, context)


def _check_reading(fusion: Fusion, query: Tokens, context: Tokens) -> None:
    fused = _call_fusion(fusion, query, context)
    check_that(
        is_close(_call_fusion(fusion, query, context), fused),
        "the same tokens get other embeddings in evaluation mode: is dropout active?",
    )
    check_that(
        not is_close(_call_fusion(fusion, _roll_rows(query), context), fused),
        "it does not read its query",
    )
    _check_each_row(fusion, query, context, fused=fused)
    for name, padded in (
        ("query", (add_padding(query), context)),
        ("context", (query, add_padding(context))),
    ):
        message = f"padded: it reads padding of its {name}"
        check_rows(_call_fusion(fusion, *padded), fused, message)


def _check_each_row(fusion: Fusion, query: Tokens, context: Tokens, *, fused: Tensor) -> None:
    """Compute every row alone, and in another order."""
    order = list(range(len(fused)))[::-1]
    alone = [
        _call_fusion(fusion, _select_rows(query, [row]), _select_rows(context, [row]))
        for row in order
    ]
    message = "alone: an embedding depends on the other rows of its batch, or on earlier calls"
    check_rows(torch.cat(alone)[order], fused, message)
    reordered = _call_fusion(fusion, _select_rows(query, order), _select_rows(context, order))
    check_rows(reordered[order], fused, "in another order: an embedding depends on its position")


def _check_empty_query(fusion: Fusion, query: Tokens, context: Tokens) -> None:
    empty = Tokens(query.values, torch.zeros_like(query.mask))
    fused = _call_fusion(fusion, empty, context, "its result for a query without tokens")
    check_that(
        not is_close(_call_fusion(fusion, empty, _roll_rows(context)), fused),
        "for a query without tokens it does not use the context",
    )
    check_rows(
        _call_fusion(fusion, _roll_rows(empty), context),
        fused,
        "without query tokens: it reads padding of its query",
    )
    _check_rule(fusion, context, fused=fused)


def _check_rule(fusion: Fusion, context: Tokens, *, fused: Tensor) -> None:
    """Check that a row without query tokens gives what the fusion says."""
    rules = ", ".join(EMPTY_QUERY_RULES)
    check_that(
        isinstance(fusion, HasEmptyQueryRule),
        "it does not say what a row without a query gives, such as a clip without sound; its "
        f"attribute empty_query must be one of {rules}",
    )
    rule = fusion.empty_query if isinstance(fusion, HasEmptyQueryRule) else ""
    check_choice(rule, list(EMPTY_QUERY_RULES), "empty_query")
    message = f"empty_query is {rule!r}, but a row without a query does not give that"
    match rule:
        case "context-mean":
            check_that(fused.shape == context.values[:, 0].shape, f"{message} (its width changes)")
            check_rows(normalize(fused), normalize(masked_mean(context)), message)
        case "context-as-query":
            check_rows(fused, _call_fusion(fusion, context, context), message)
        case "zero-query":
            zero = Tokens(torch.zeros_like(context.values[:, :1]), context.mask[:, :1])
            check_rows(fused, _call_fusion(fusion, zero, context), message)


def _check_gradients(fusion: Fusion, query: Tokens, context: Tokens) -> None:
    mask = query.mask.clone()
    mask[0] = False  # a row without a query must not spoil the gradients of the others
    inputs = [tokens.values.clone().requires_grad_() for tokens in (query, context)]
    with report_errors("calling it with gradients"):
        fused = fusion(Tokens(inputs[0], mask), Tokens(inputs[1], context.mask))
    run_backward(fused, "its result")
    check_gradient([inputs[0]], "the query")
    check_gradient([inputs[1]], "the context")
    if isinstance(fusion, nn.Module):
        trained = [weight for weight in fusion.parameters() if weight.requires_grad]
        if trained:
            check_gradient(trained, "its weights")


def _call_fusion(
    fusion: Fusion, query: Tokens, context: Tokens, name: str = "its result"
) -> Tensor:
    inputs = [query.values, query.mask, context.values, context.mask]
    before = [tensor.clone() for tensor in inputs]
    with report_errors("calling it"):
        fused = fusion(query, context)
    check_unchanged(before, inputs, "calling it")
    check_valid(find_vectors_fault(fused, len(query.values), name))
    check_finite(fused, name)
    return fused


def _make_tokens(count: int, width: int) -> Tokens:
    mask = torch.ones(_NUM_ROWS, count, dtype=torch.bool)
    return Tokens(torch.randn(_NUM_ROWS, count, width), mask)


def _roll_rows(tokens: Tokens) -> Tokens:
    return Tokens(tokens.values.roll(1, 0), tokens.mask)


def _select_rows(tokens: Tokens, rows: list[int]) -> Tokens:
    return Tokens(tokens.values[rows], tokens.mask[rows])
