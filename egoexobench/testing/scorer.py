"""The contract of scorers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from egoexobench.part_results import find_scores_fault
from egoexobench.protocols import HasTrainingSettings, Scorer
from egoexobench.testing.assertions import (
    check_eval_mode,
    check_gradient,
    check_has,
    check_instance,
    check_rows,
    check_that,
    check_unchanged,
    check_valid,
    is_close,
    report_errors,
    run_backward,
)
from egoexobench.testing.tokens import add_padding
from egoexobench.types import ScorerTraining, Tokens

_NUM_QUERIES, _NUM_CANDIDATES = 4, 6
_STEP_SIZE = 0.02
"""Of the step after which a scorer with weights is checked."""


class _Inputs(NamedTuple):
    """What a scorer gets: tokens of queries and candidates, and the similarity of each pair."""

    queries: Tokens
    candidates: Tokens
    similarity: Tensor


def check_scorer(make_scorer: Callable[[int], Scorer], *, width: int = 16, seed: int = 0) -> None:
    """Check that a score depends on its own query and candidate, and not on padding or order.

    The gradient of its scores must reach every weight that is trained, in fp32 and bf16. A scorer
    with weights is checked after one step of training, because its last layer may start with zeros
    (so that it starts as the similarity, or as nothing).

    Args:
        make_scorer: creates the scorer for a width, such as its factory.
        width: D of the tokens that it takes.
        seed: of the weights and inputs of the check.

    Raises:
        AssertionError: with one line that says what is wrong.
    """
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        with report_errors(f"creating it for width {width}"):
            scorer = make_scorer(width)
        check_has(scorer, methods=["score"])
        inputs = _Inputs(
            _make_tokens(_NUM_QUERIES, 5, width),
            _make_tokens(_NUM_CANDIDATES, 3, width),
            2 * torch.rand(_NUM_QUERIES, _NUM_CANDIDATES) - 1,
        )
        if isinstance(scorer, nn.Module):
            scorer.eval()
            check_eval_mode(scorer, "eval() leaves modules in training mode")
            _check_training(scorer, inputs)
        with torch.inference_mode():
            _check_scores(scorer, inputs)


def _check_training(scorer: nn.Module, inputs: _Inputs) -> None:
    """Take a step, and look for the gradient of each weight that is trained."""
    weights = {name: item for name, item in scorer.named_parameters() if item.requires_grad}
    if not weights:
        return
    if isinstance(scorer, HasTrainingSettings):
        check_instance(scorer.training_settings, ScorerTraining, "training_settings")
    _compute_gradients(scorer, inputs, torch.float32)
    with torch.no_grad():
        for weight in weights.values():
            if weight.grad is not None:
                weight.sub_(_STEP_SIZE * weight.grad.sign())
    for precision in (torch.float32, torch.bfloat16):
        name = _compute_gradients(scorer, inputs, precision)
        for weight_name, weight in weights.items():
            check_gradient([weight], f"its weight {weight_name!r} in {name}")
    scorer.zero_grad(set_to_none=True)


def _compute_gradients(scorer: nn.Module, inputs: _Inputs, precision: torch.dtype) -> str:
    """Set the gradients of its weights, and return the name of the precision."""
    assert isinstance(scorer, Scorer)  # noqa: S101 - it has the method
    scorer.zero_grad(set_to_none=True)
    name = str(precision).removeprefix("torch.")
    with (
        report_errors(f"score in {name} with gradients"),
        torch.autocast("cpu", precision, enabled=precision != torch.float32),
    ):
        scores = scorer.score(*inputs)
    check_valid(find_scores_fault(scores, _NUM_QUERIES, _NUM_CANDIDATES))
    run_backward(scores.float(), "the result of score")
    return name


def _check_scores(scorer: Scorer, inputs: _Inputs) -> None:
    queries, candidates, _ = inputs
    scores = _score(scorer, inputs)
    check_that(
        is_close(_score(scorer, inputs), scores),
        "the same inputs get other scores in evaluation mode: is dropout active?",
    )
    for name, other in (
        ("queries", inputs._replace(queries=_draw_tokens_like(queries))),
        ("candidates", inputs._replace(candidates=_draw_tokens_like(candidates))),
    ):
        message = f"it does not read the tokens of {name}"
        check_that(not is_close(_score(scorer, other), scores), message)
    _check_each_pair(scorer, inputs, scores=scores)
    for name, padded in (
        ("query", inputs._replace(queries=add_padding(queries))),
        ("candidate", inputs._replace(candidates=add_padding(candidates))),
    ):
        message = f"padded: it reads padding of a {name}"
        check_rows(_score(scorer, padded), scores, message)
    empty = Tokens(queries.values, torch.zeros_like(queries.mask))
    _score(scorer, inputs._replace(queries=empty), "scores of a query without tokens: ")
    empty = Tokens(candidates.values, torch.zeros_like(candidates.mask))
    _score(scorer, inputs._replace(candidates=empty), "scores of a candidate without tokens: ")


def _check_each_pair(scorer: Scorer, inputs: _Inputs, *, scores: Tensor) -> None:
    """Score every pair alone, and all of them in another order."""
    alone = [
        torch.cat(
            [
                _score(scorer, _select_pairs(inputs, [row], [column]))
                for column in range(_NUM_CANDIDATES)
            ],
            1,
        )
        for row in range(_NUM_QUERIES)
    ]
    message = "alone: a score depends on other queries or candidates, or on earlier calls"
    check_rows(torch.cat(alone), scores, message)
    rows, columns = list(range(_NUM_QUERIES))[::-1], list(range(_NUM_CANDIDATES))[::-1]
    reordered = _score(scorer, _select_pairs(inputs, rows, columns))
    message = "in another order: a score depends on the position of its query or candidate"
    check_rows(reordered[rows][:, columns], scores, message)


def _score(scorer: Scorer, inputs: _Inputs, prefix: str = "") -> Tensor:
    queries, candidates, similarity = inputs
    tensors = [queries.values, queries.mask, candidates.values, candidates.mask, similarity]
    before = [tensor.clone() for tensor in tensors]
    with report_errors("score"):
        scores = scorer.score(queries, candidates, similarity)
    check_unchanged(before, tensors, "score")
    fault = find_scores_fault(scores, len(queries.values), len(candidates.values))
    check_valid(fault and f"{prefix}{fault}")
    return scores


def _make_tokens(num_rows: int, count: int, width: int) -> Tokens:
    """Return rows of different length, the longest first."""
    lengths = torch.arange(num_rows).clamp(max=count - 1)
    mask = torch.arange(count)[None, :] < (count - lengths)[:, None]
    return Tokens(torch.randn(num_rows, count, width), mask)


def _draw_tokens_like(tokens: Tokens) -> Tokens:
    return Tokens(torch.randn_like(tokens.values), tokens.mask)


def _select_rows(tokens: Tokens, rows: list[int]) -> Tokens:
    """Return some rows, without the padding that none of them needs."""
    mask = tokens.mask[rows]
    length = int(mask.sum(1).max())
    return Tokens(tokens.values[rows, :length], mask[:, :length])


def _select_pairs(inputs: _Inputs, rows: list[int], columns: list[int]) -> _Inputs:
    return _Inputs(
        _select_rows(inputs.queries, rows),
        _select_rows(inputs.candidates, columns),
        inputs.similarity[rows][:, columns],
    )
