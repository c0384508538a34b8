"""The contract of objectives."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from egoexobench.protocols import Objective
from egoexobench.testing.assertions import (
    check,
    check_float_tensor,
    check_gradient,
    check_has,
    check_unchanged,
    is_close,
    report_errors,
)
from egoexobench.types import VIEWS, Clip, Pair

_NUM_PAIRS = 6


def check_objective(objective: Objective, *, seed: int = 0) -> None:
    """Check that an objective gives a finite scalar that is smaller for matched pairs.

    Raises:
        AssertionError: with the first fault.
    """
    check_has(objective, methods=["__call__"])
    torch.manual_seed(seed)
    pairs = [_make_pair(index) for index in range(_NUM_PAIRS)]
    target = torch.nn.functional.normalize(torch.randn(_NUM_PAIRS, 32), dim=-1)
    ego, exo = (target.clone().requires_grad_() for _ in VIEWS)
    matched = _loss(objective, (ego, exo, target, target), pairs)
    again = _loss(objective, (ego, exo, target, target), pairs)
    check(is_close(matched, again), "the same batch has another loss")
    order = torch.arange(_NUM_PAIRS - 1, -1, -1)
    reordered = (ego[order], exo[order], target[order], target[order])
    backwards = _loss(objective, reordered, [pairs[index] for index in order])
    check(is_close(matched, backwards), "the order of the pairs changes the loss")
    wrong = target.roll(1, 0)
    mismatched = _loss(objective, (ego, exo, wrong, wrong), pairs)
    check(bool(matched < mismatched), "mismatched pairs have no greater loss than matched ones")
    check(
        mismatched.requires_grad, "its loss has no gradient: it was detached, or made under no_grad"
    )
    with report_errors("backward"):
        mismatched.backward()  # type: ignore[no-untyped-call]
    for view, vectors in zip(VIEWS, (ego, exo), strict=True):
        check_gradient([vectors], f"the {view} embeddings")


def _loss(objective: Objective, embeddings: Sequence[Tensor], pairs: Sequence[Pair]) -> Tensor:
    before = [vectors.detach().clone() for vectors in embeddings]
    ego, exo, ego_target, exo_target = embeddings
    with report_errors("calling it"):
        loss = objective(ego, exo, ego_target, exo_target, pairs)
    check_unchanged(before, [vectors.detach() for vectors in embeddings], "calling it")
    check_float_tensor(loss, "its loss")
    check(loss.ndim == 0, f"its loss has the shape {tuple(loss.shape)}; it must be a scalar")
    check(bool(torch.isfinite(loss)), "its loss is NaN or infinite")
    return loss


def _make_pair(index: int) -> Pair:
    labels = (f"verb{index}",), (f"noun{index}",)
    text = f"text {index}"
    ego, exo = (
        Clip(f"{index}/{view}", view, "", 0.0, 1.0, text, str(index), None, *labels)
        for view in VIEWS
    )
    return Pair(str(index), ego, exo, text)
