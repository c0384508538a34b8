"""The contract of objectives."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from egoexobench.part_results import find_loss_fault
from egoexobench.protocols import Objective, SequenceObjective
from egoexobench.testing.assertions import (
    check_gradient,
    check_has,
    check_that,
    check_unchanged,
    check_valid,
    is_close,
    report_errors,
)
from egoexobench.testing.sequence_objective import check_sequence_objective, make_pair_labels
from egoexobench.types import VIEWS, PairLabels

_NUM_PAIRS = 6
Embedded = tuple[Tensor, Tensor, Tensor, Tensor]
"""Ego and exo embeddings, and their targets."""


def check_objective(objective: Objective | SequenceObjective, *, seed: int = 0) -> None:
    """Check that an objective gives a finite scalar that is smaller for matched pairs.

    One that compares sequences is checked on sequences instead.

    Raises:
        AssertionError: with the first fault.
    """
    if isinstance(objective, SequenceObjective):
        check_sequence_objective(objective, seed=seed)
        return
    check_has(objective, methods=["__call__"])
    torch.manual_seed(seed)
    pairs = [make_pair_labels(index) for index in range(_NUM_PAIRS)]
    target = torch.nn.functional.normalize(torch.randn(_NUM_PAIRS, 32), dim=-1)
    ego, exo = (target.clone().requires_grad_() for _ in VIEWS)
    matched = _compute_loss(objective, (ego, exo, target, target), pairs)
    again = _compute_loss(objective, (ego, exo, target, target), pairs)
    check_that(is_close(matched, again), "the same batch has another loss")
    order = torch.arange(_NUM_PAIRS - 1, -1, -1)
    reordered = (ego[order], exo[order], target[order], target[order])
    backwards = _compute_loss(objective, reordered, [pairs[index] for index in order])
    check_that(
        is_close(matched, backwards), "in another order: the order of the pairs changes the loss"
    )
    wrong = target.roll(1, 0)
    mismatched = _compute_loss(objective, (ego, exo, wrong, wrong), pairs)
    check_that(
        bool(matched < mismatched), "mismatched pairs have no greater loss than matched ones"
    )
    with report_errors("backward"):
        mismatched.backward()  # type: ignore[no-untyped-call]
    for view, vectors in zip(VIEWS, (ego, exo), strict=True):
        check_gradient([vectors], f"the {view} embeddings")


def _compute_loss(
    objective: Objective, embeddings: Embedded, pairs: Sequence[PairLabels]
) -> Tensor:
    before = [vectors.detach().clone() for vectors in embeddings]
    with report_errors("calling it"):
        loss = objective(*embeddings, pairs)
    check_unchanged(before, [vectors.detach() for vectors in embeddings], "calling it")
    check_valid(find_loss_fault(loss))
    check_that(bool(torch.isfinite(loss)), "its loss is NaN or infinite")
    return loss
