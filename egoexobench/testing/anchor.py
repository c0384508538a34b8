"""The contract of anchors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import torch
from torch import Tensor

from egoexobench.anchor_renames import rename_members
from egoexobench.part_results import find_targets_fault
from egoexobench.protocols import Anchor, AnchorInput, AnchorText
from egoexobench.testing.assertions import (
    check_choice,
    check_finite,
    check_has,
    check_instance,
    check_rows,
    check_that,
    check_unchanged,
    check_valid,
    is_close,
    report_errors,
)
from egoexobench.types import VIEWS

_NUM_PAIRS = 4
Targets = tuple[Tensor, Tensor]


class _DeclaredEmbeddings(dict[AnchorInput, Tensor]):
    """Embeddings that an anchor declares to need; reading another one is a fault."""

    def __missing__(self, key: AnchorInput) -> Tensor:
        raise AssertionError(f"it reads {key!r}, which is not in required_inputs")


def check_anchor(anchor: Anchor, *, seed: int = 0) -> None:
    """Check that an anchor makes two targets from exactly the embeddings that it declares.

    Raises:
        AssertionError: with the first fault.
    """
    anchor = rename_members(anchor)
    _check_members(anchor)
    torch.manual_seed(seed)
    embeddings: dict[AnchorInput, Tensor] = {
        need: torch.randn(_NUM_PAIRS, 8) for need in anchor.required_inputs
    }
    targets = _call_anchor(anchor, embeddings)
    check_that(
        _are_close(_call_anchor(anchor, embeddings), targets),
        "the same embeddings get other targets",
    )
    order = list(range(_NUM_PAIRS))[::-1]
    reordered = _call_anchor(anchor, _select_rows(embeddings, order))
    alone = [_call_anchor(anchor, _select_rows(embeddings, [row])) for row in order]
    for index, target in enumerate(targets):
        rows = torch.cat([single[index] for single in alone])[order]
        check_rows(rows, target, "alone: a target depends on the other pairs of its batch")
        message = "in another order: a target depends on its position"
        check_rows(reordered[index][order], target, message)
    for need in anchor.required_inputs:
        changed = _call_anchor(
            anchor, {**embeddings, need: embeddings[need] + torch.randn(_NUM_PAIRS, 8)}
        )
        check_that(not _are_close(changed, targets), f"it does not use {need!r} of required_inputs")


def _check_members(anchor: Anchor) -> None:
    check_has(anchor, methods=["__call__"], attributes=["required_inputs", "eval_text"])
    check_instance(anchor.required_inputs, tuple, "required_inputs")
    check_that(len(anchor.required_inputs) > 0, "required_inputs is empty")
    for need in anchor.required_inputs:
        check_choice(need, get_args(AnchorInput), "an item of required_inputs")
    check_choice(anchor.eval_text, get_args(AnchorText), "eval_text")


def _call_anchor(anchor: Anchor, embeddings: Mapping[AnchorInput, Tensor]) -> Targets:
    inputs = _DeclaredEmbeddings({need: vectors.clone() for need, vectors in embeddings.items()})
    with report_errors("calling it"), torch.inference_mode():
        targets = anchor(inputs)
    check_unchanged(list(embeddings.values()), list(inputs.values()), "calling it")
    num_pairs = len(next(iter(embeddings.values())))
    check_valid(find_targets_fault(targets, num_pairs))
    for view, target in zip(VIEWS, targets, strict=True):
        check_finite(target, f"the target of the {view} videos")
    return targets


def _select_rows(
    embeddings: Mapping[AnchorInput, Tensor], rows: list[int]
) -> dict[AnchorInput, Tensor]:
    return {need: vectors[rows] for need, vectors in embeddings.items()}


def _are_close(first: Targets, second: Targets) -> bool:
    return all(is_close(a, b) for a, b in zip(first, second, strict=True))
