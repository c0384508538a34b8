"""The contract of objectives that compare the tokens of two videos in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from egoexobench.part_results import find_loss_fault
from egoexobench.protocols import SequenceObjective
from egoexobench.testing.assertions import (
    check_finite,
    check_gradient,
    check_has,
    check_that,
    check_unchanged,
    check_valid,
    is_close,
    report_errors,
)
from egoexobench.types import VIEWS, ClipLabels, PairLabels, PairSequences, Tokens, View

Lengths = Sequence[tuple[int, int]]
"""Tokens of the ego and of the exo clip of each pair."""
_EQUAL_LENGTHS: Lengths = ((7, 7), (5, 5), (8, 8), (3, 3), (6, 6), (2, 2))
_OTHER_LENGTHS: Lengths = ((1, 1), (1, 3), (3, 1), (8, 5), (4, 6), (2, 2))
_WIDTH = 16
_GRADIENT_SCALE = 65536.0
"""The first factor of torch's scaler of gradients for half precision."""


def check_sequence_objective(objective: SequenceObjective, *, seed: int = 0) -> None:
    """Check that an objective compares sequences of any length and gives finite gradients.

    The loss is a finite scalar that depends on no padding and on no order of the pairs, and is
    smaller for matched pairs. Its gradients are finite also when they are multiplied, as training
    in half precision does, for large tokens and for clips of one token.

    Raises:
        AssertionError: with the first fault.
    """
    check_has(objective, methods=["compare_sequences"])
    pairs = [make_pair_labels(index) for index in range(len(_EQUAL_LENGTHS))]
    for lengths in (_EQUAL_LENGTHS, _OTHER_LENGTHS):
        batch = _make_batch(seed, lengths)
        _check_invariance(objective, batch, pairs)
        for view, tokens in _compute_gradients(objective, batch, pairs).items():
            check_gradient([tokens], f"the {view} tokens")
        large = _multiply_tokens(batch, 100.0)  # a softmax of them may pass no gradient on
        for view, tokens in _compute_gradients(objective, large, pairs).items():
            check_finite(tokens.grad, f"the gradient of large {view} tokens")
    batch = _make_batch(seed, _EQUAL_LENGTHS)
    matched = _compute_loss(objective, batch, pairs)
    mismatched = _compute_loss(objective, _swap_partners(batch), pairs)
    check_that(
        bool(matched < mismatched), "mismatched pairs have no greater loss than matched ones"
    )


def make_pair_labels(index: int) -> PairLabels:
    """Return the labels of a pair, which differ by its number."""
    ego, exo = (
        ClipLabels(
            id=f"{index}/{view}",
            narration=f"text {index}",
            verbs=(f"verb{index}",),
            nouns=(f"noun{index}",),
        )
        for view in VIEWS
    )
    return PairLabels(str(index), ego, exo, f"text {index}")


def _make_batch(seed: int, lengths: Lengths) -> PairSequences:
    """Return pairs whose exo tokens are noisy copies of their ego tokens, as many as there are."""
    rng = torch.Generator().manual_seed(seed)
    longest = max(map(max, lengths))
    steps = torch.randn(len(lengths), longest, _WIDTH, generator=rng)
    noise = 0.01 * torch.randn(steps.shape, generator=rng)
    positions = torch.arange(longest)
    views = []
    by_view = zip(zip(*lengths, strict=True), (steps, steps + noise), strict=True)
    for num_tokens, values in by_view:
        mask = positions < torch.tensor(num_tokens)[:, None]
        times = (positions + 0.5) * mask
        views.append((Tokens(values * mask[..., None], mask), times, mask.sum(1).float()))
    (ego, ego_times, ego_durations), (exo, exo_times, exo_durations) = views
    return PairSequences(
        ego=ego,
        exo=exo,
        ego_times=ego_times,
        exo_times=exo_times,
        ego_durations=ego_durations,
        exo_durations=exo_durations,
        num_steps=3,
    )


def _compute_loss(
    objective: SequenceObjective, batch: PairSequences, pairs: Sequence[PairLabels]
) -> Tensor:
    batch = replace(batch, ego=_make_leaf(batch.ego), exo=_make_leaf(batch.exo))
    before = [tokens.values.detach().clone() for tokens in (batch.ego, batch.exo)]
    with report_errors("calling compare_sequences"):
        loss = objective.compare_sequences(batch, pairs)
    after = [tokens.values.detach() for tokens in (batch.ego, batch.exo)]
    check_unchanged(before, after, "calling compare_sequences")
    check_valid(find_loss_fault(loss))
    check_that(bool(torch.isfinite(loss)), "its loss is NaN or infinite")
    return loss


def _check_invariance(
    objective: SequenceObjective, batch: PairSequences, pairs: Sequence[PairLabels]
) -> None:
    loss = _compute_loss(objective, batch, pairs)
    again = _compute_loss(objective, batch, pairs)
    check_that(is_close(loss, again), "the same batch has another loss")
    padded = _compute_loss(objective, _add_padding(batch), pairs)
    check_that(is_close(loss, padded), "padding changes the loss")
    order = list(range(len(pairs)))[::-1]
    reordered = _select_pairs(batch, order)
    backwards = _compute_loss(objective, reordered, [pairs[index] for index in order])
    check_that(
        is_close(loss, backwards), "in another order: the order of the pairs changes the loss"
    )


def _compute_gradients(
    objective: SequenceObjective, batch: PairSequences, pairs: Sequence[PairLabels]
) -> dict[View, Tensor]:
    """Return the tokens of each view with their gradients, multiplied as in half precision."""
    batch = replace(batch, ego=_make_leaf(batch.ego), exo=_make_leaf(batch.exo))
    loss = objective.compare_sequences(batch, pairs)
    with report_errors("backward"):
        (_GRADIENT_SCALE * loss).backward()  # type: ignore[no-untyped-call]
    return dict(zip(VIEWS, (batch.ego.values, batch.exo.values), strict=True))


def _make_leaf(tokens: Tokens) -> Tokens:
    return Tokens(tokens.values.detach().clone().requires_grad_(), tokens.mask)


def _multiply_tokens(batch: PairSequences, scale: float) -> PairSequences:
    ego, exo = (Tokens(scale * item.values, item.mask) for item in (batch.ego, batch.exo))
    return replace(batch, ego=ego, exo=exo)


def _select_pairs(batch: PairSequences, order: Sequence[int]) -> PairSequences:
    ego, exo = (Tokens(item.values[order], item.mask[order]) for item in (batch.ego, batch.exo))
    names = ("ego_times", "exo_times", "ego_durations", "exo_durations")
    return replace(batch, ego=ego, exo=exo, **{name: getattr(batch, name)[order] for name in names})


def _swap_partners(batch: PairSequences) -> PairSequences:
    """Give every pair the exo clip of the next one."""
    order = [*range(1, len(batch.ego.values)), 0]
    moved = _select_pairs(batch, order)
    return replace(
        batch, exo=moved.exo, exo_times=moved.exo_times, exo_durations=moved.exo_durations
    )


def _add_padding(batch: PairSequences) -> PairSequences:
    """Add two tokens of padding to every clip, and write other numbers into all padding."""

    def pad(tokens: Tokens) -> Tokens:
        mask = torch.nn.functional.pad(tokens.mask, (0, 2))
        values = torch.nn.functional.pad(tokens.values, (0, 0, 0, 2))
        return Tokens(torch.where(mask[..., None], values, 7.0), mask)

    times = (torch.nn.functional.pad(item, (0, 2)) for item in (batch.ego_times, batch.exo_times))
    ego_times, exo_times = times
    return replace(
        batch, ego=pad(batch.ego), exo=pad(batch.exo), ego_times=ego_times, exo_times=exo_times
    )
