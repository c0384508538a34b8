"""The contract of scorers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from egoexobench.part_results import find_scores_fault
from egoexobench.protocols import AnyScorer, HasTrainingSettings, TextScorer
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

_NUM_ROWS, _NUM_COLUMNS = 4, 6
_STEP_SIZE = 0.02
"""Of the step after which a scorer with weights is checked."""
_PLURALS = {
    "query": "queries",
    "candidate": "candidates",
    "text": "texts",
    "video": "videos",
    "sound": "sounds",
}


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What a scorer gets: tokens of what stands in rows and in columns, and their similarity."""

    rows: Mapping[str, Tokens]
    columns: Mapping[str, Tokens]
    similarity: Tensor

    @property
    def tokens(self) -> dict[str, Tokens]:
        """All tokens by the name of what they are of."""
        return {**self.rows, **self.columns}

    def replace_tokens(self, name: str, tokens: Tokens) -> _Inputs:
        """Return the inputs with other tokens of that name."""
        if name in self.rows:
            return replace(self, rows={**self.rows, name: tokens})
        return replace(self, columns={**self.columns, name: tokens})

    def select_pairs(self, rows: list[int], columns: list[int]) -> _Inputs:
        """Return the inputs of some rows and columns."""
        return _Inputs(
            {name: _select_rows(tokens, rows) for name, tokens in self.rows.items()},
            {name: _select_rows(tokens, columns) for name, tokens in self.columns.items()},
            self.similarity[rows][:, columns],
        )


def check_scorer(
    make_scorer: Callable[[int], AnyScorer], *, width: int = 16, seed: int = 0
) -> None:
    """Check that a score depends on its own pair alone, and not on padding or order.

    A scorer of texts with videos is checked with texts, frames and, if it reads sound, sounds, some
    of them of videos without sound. The gradient of its scores must reach every weight that is
    trained, in fp32 and bf16. A scorer with weights is checked after one step of training, because
    its last layer may start with zeros (so that it starts as the similarity, or as nothing).

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
        check_has(scorer, methods=["score_texts" if isinstance(scorer, TextScorer) else "score"])
        inputs = _make_inputs(scorer, width)
        if isinstance(scorer, nn.Module):
            scorer.eval()
            check_eval_mode(scorer, "eval() leaves modules in training mode")
            _check_training(scorer, scorer, inputs)
        with torch.inference_mode():
            _check_scores(scorer, inputs)


def _make_inputs(scorer: AnyScorer, width: int) -> _Inputs:
    rows, columns = _make_tokens(_NUM_ROWS, 5, width), _make_tokens(_NUM_COLUMNS, 3, width)
    similarity = 2 * torch.rand(_NUM_ROWS, _NUM_COLUMNS) - 1
    if not isinstance(scorer, TextScorer):
        return _Inputs({"query": rows}, {"candidate": columns}, similarity)
    check_instance(scorer.reads_sound, bool, "reads_sound")
    videos = {"video": columns}
    if scorer.reads_sound:
        sounds = _make_tokens(_NUM_COLUMNS, 4, width)
        sounds.mask[0] = False  # a video without sound
        videos["sound"] = sounds
    return _Inputs({"text": rows}, videos, similarity)


def _check_training(scorer: AnyScorer, module: nn.Module, inputs: _Inputs) -> None:
    """Take a step, and look for the gradient of each weight that is trained.

    Scorer and module are one object.
    """
    weights = {name: item for name, item in module.named_parameters() if item.requires_grad}
    if not weights:
        return
    if isinstance(scorer, HasTrainingSettings):
        check_instance(scorer.training_settings, ScorerTraining, "training_settings")
    _compute_gradients(scorer, module, inputs, torch.float32)
    with torch.no_grad():
        for weight in weights.values():
            if weight.grad is not None:
                weight.sub_(_STEP_SIZE * weight.grad.sign())
    for precision in (torch.float32, torch.bfloat16):
        name = _compute_gradients(scorer, module, inputs, precision)
        for weight_name, weight in weights.items():
            check_gradient([weight], f"its weight {weight_name!r} in {name}")
    module.zero_grad(set_to_none=True)


def _compute_gradients(
    scorer: AnyScorer, module: nn.Module, inputs: _Inputs, precision: torch.dtype
) -> str:
    """Set the gradients of its weights, and return the name of the precision."""
    module.zero_grad(set_to_none=True)
    name = str(precision).removeprefix("torch.")
    with (
        report_errors(f"score in {name} with gradients"),
        torch.autocast("cpu", precision, enabled=precision != torch.float32),
    ):
        scores = _call_scorer(scorer, inputs)
    check_valid(find_scores_fault(scores, _NUM_ROWS, _NUM_COLUMNS))
    run_backward(scores.float(), "the result of score")
    return name


def _check_scores(scorer: AnyScorer, inputs: _Inputs) -> None:
    scores = _score(scorer, inputs)
    check_that(
        is_close(_score(scorer, inputs), scores),
        "the same inputs get other scores in evaluation mode: is dropout active?",
    )
    for name, tokens in inputs.tokens.items():
        other = inputs.replace_tokens(name, _draw_tokens_like(tokens))
        message = f"it does not read the tokens of {_PLURALS[name]}"
        check_that(not is_close(_score(scorer, other), scores), message)
    _check_each_pair(scorer, inputs, scores=scores)
    for name, tokens in inputs.tokens.items():
        padded = inputs.replace_tokens(name, add_padding(tokens))
        message = f"padded: it reads padding of a {name}"
        check_rows(_score(scorer, padded), scores, message)
    for name, tokens in inputs.tokens.items():
        empty = Tokens(tokens.values, torch.zeros_like(tokens.mask))
        prefix = f"scores of a {name} without tokens: "
        _score(scorer, inputs.replace_tokens(name, empty), prefix)


def _check_each_pair(scorer: AnyScorer, inputs: _Inputs, *, scores: Tensor) -> None:
    """Score every pair alone, and all of them in another order."""
    alone = [
        torch.cat(
            [
                _score(scorer, inputs.select_pairs([row], [column]))
                for column in range(_NUM_COLUMNS)
            ],
            1,
        )
        for row in range(_NUM_ROWS)
    ]
    message = "alone: a score depends on other queries or candidates, or on earlier calls"
    check_rows(torch.cat(alone), scores, message)
    rows, columns = list(range(_NUM_ROWS))[::-1], list(range(_NUM_COLUMNS))[::-1]
    reordered = _score(scorer, inputs.select_pairs(rows, columns))
    message = "in another order: a score depends on the position of its query or candidate"
    check_rows(reordered[rows][:, columns], scores, message)


def _score(scorer: AnyScorer, inputs: _Inputs, prefix: str = "") -> Tensor:
    tensors = [part for tokens in inputs.tokens.values() for part in (tokens.values, tokens.mask)]
    tensors.append(inputs.similarity)
    before = [tensor.clone() for tensor in tensors]
    with report_errors("score"):
        scores = _call_scorer(scorer, inputs)
    check_unchanged(before, tensors, "score")
    shape = tuple(inputs.similarity.shape)
    fault = find_scores_fault(scores, *shape)
    check_valid(fault and f"{prefix}{fault}")
    return scores


def _call_scorer(scorer: AnyScorer, inputs: _Inputs) -> Tensor:
    if isinstance(scorer, TextScorer):
        video, sound = inputs.columns["video"], inputs.columns.get("sound")
        return scorer.score_texts(inputs.rows["text"], video, sound, inputs.similarity)
    queries, candidates = inputs.rows["query"], inputs.columns["candidate"]
    return scorer.score(queries, candidates, inputs.similarity)


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
    length = max(1, int(mask.sum(1).max()))
    return Tokens(tokens.values[rows, :length], mask[:, :length])
