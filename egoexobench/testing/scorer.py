"""The contract of scorers."""

from __future__ import annotations

from collections.abc import Callable

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


def check_scorer(make_scorer: Callable[[int], Scorer], *, width: int = 16, seed: int = 0) -> None:
    """Check that a score depends on its own query and candidate, and not on padding or order.

    The gradient of its scores must reach every weight that is trained, in fp32 and bf16.

    Args:
        make_scorer: creates the scorer for a width, such as its factory.
        width: D of the tokens that it takes.
        seed: of the weights and tokens of the check.

    Raises:
        AssertionError: with one line that says what is wrong.
    """
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        with report_errors(f"creating it for width {width}"):
            scorer = make_scorer(width)
        check_has(scorer, methods=["score"])
        if isinstance(scorer, nn.Module):
            scorer.eval()
            check_eval_mode(scorer, "eval() leaves modules in training mode")
        queries = _make_tokens(_NUM_QUERIES, 5, width)
        candidates = _make_tokens(_NUM_CANDIDATES, 3, width)
        with torch.inference_mode():
            _check_scores(scorer, queries, candidates)
        if isinstance(scorer, nn.Module):
            _check_training(scorer, queries, candidates)


def _check_training(scorer: nn.Module, queries: Tokens, candidates: Tokens) -> None:
    """Look for the gradient of each weight that is trained."""
    weights = [(name, item) for name, item in scorer.named_parameters() if item.requires_grad]
    if not weights:
        return
    assert isinstance(scorer, Scorer)  # noqa: S101 - it was scored with
    if isinstance(scorer, HasTrainingSettings):
        check_instance(scorer.training_settings, ScorerTraining, "training_settings")
    for precision in (torch.float32, torch.bfloat16):
        scorer.zero_grad(set_to_none=True)
        name = str(precision).removeprefix("torch.")
        with (
            report_errors(f"score in {name} with gradients"),
            torch.autocast("cpu", precision, enabled=precision != torch.float32),
        ):
            scores = scorer.score(queries, candidates)
        check_valid(find_scores_fault(scores, _NUM_QUERIES, _NUM_CANDIDATES))
        run_backward(scores.float(), "the result of score")
        for weight_name, weight in weights:
            check_gradient([weight], f"its weight {weight_name!r} in {name}")


def _check_scores(scorer: Scorer, queries: Tokens, candidates: Tokens) -> None:
    scores = _score(scorer, queries, candidates)
    check_that(
        is_close(_score(scorer, queries, candidates), scores),
        "the same tokens get other scores in evaluation mode: is dropout active?",
    )
    other = Tokens(torch.randn_like(queries.values), queries.mask)
    check_that(not is_close(_score(scorer, other, candidates), scores), "it does not read queries")
    other = Tokens(torch.randn_like(candidates.values), candidates.mask)
    check_that(not is_close(_score(scorer, queries, other), scores), "it does not read candidates")
    _check_each_pair(scorer, queries, candidates, scores=scores)
    for name, padded in (
        ("query", (add_padding(queries), candidates)),
        ("candidate", (queries, add_padding(candidates))),
    ):
        message = f"padded: it reads padding of a {name}"
        check_rows(_score(scorer, *padded), scores, message)
    empty = Tokens(queries.values, torch.zeros_like(queries.mask))
    _score(scorer, empty, candidates, "scores of a query without tokens: ")
    empty = Tokens(candidates.values, torch.zeros_like(candidates.mask))
    _score(scorer, queries, empty, "scores of a candidate without tokens: ")


def _check_each_pair(
    scorer: Scorer, queries: Tokens, candidates: Tokens, *, scores: Tensor
) -> None:
    """Score every pair alone, and all of them in another order."""
    alone = [
        torch.cat(
            [
                _score(scorer, _select_rows(queries, [row]), _select_rows(candidates, [column]))
                for column in range(_NUM_CANDIDATES)
            ],
            1,
        )
        for row in range(_NUM_QUERIES)
    ]
    message = "alone: a score depends on other queries or candidates, or on earlier calls"
    check_rows(torch.cat(alone), scores, message)
    rows, columns = list(range(_NUM_QUERIES))[::-1], list(range(_NUM_CANDIDATES))[::-1]
    reordered = _score(scorer, _select_rows(queries, rows), _select_rows(candidates, columns))
    message = "in another order: a score depends on the position of its query or candidate"
    check_rows(reordered[rows][:, columns], scores, message)


def _score(scorer: Scorer, queries: Tokens, candidates: Tokens, prefix: str = "") -> Tensor:
    inputs = [queries.values, queries.mask, candidates.values, candidates.mask]
    before = [tensor.clone() for tensor in inputs]
    with report_errors("score"):
        scores = scorer.score(queries, candidates)
    check_unchanged(before, inputs, "score")
    fault = find_scores_fault(scores, len(queries.values), len(candidates.values))
    check_valid(fault and f"{prefix}{fault}")
    return scores


def _make_tokens(num_rows: int, count: int, width: int) -> Tokens:
    """Return rows of different length, the longest first."""
    lengths = torch.arange(num_rows).clamp(max=count - 1)
    mask = torch.arange(count)[None, :] < (count - lengths)[:, None]
    return Tokens(torch.randn(num_rows, count, width), mask)


def _select_rows(tokens: Tokens, rows: list[int]) -> Tokens:
    """Return some rows, without the padding that none of them needs."""
    mask = tokens.mask[rows]
    length = int(mask.sum(1).max())
    return Tokens(tokens.values[rows, :length], mask[:, :length])
