"""Weights of a fusion that nothing trains, because attention to one key ignores query and key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import get_args

import torch
from torch import Tensor, nn

from egoexobench.protocols import Fusion, HasIdleWeights
from egoexobench.testing.assertions import check_choice, check_that, is_close, run_backward
from egoexobench.types import TokenCase, Tokens

_ROUNDING = 1e-6
"""A gradient this much smaller than the largest one of the fusion is rounding."""
_PACKED = "in_proj_weight"
_MAX_NAMES = 4


def check_idle_weights(fusion: Fusion, query: Tokens, context: Tokens) -> None:
    """Check that every matrix is trained, except for those that the fusion declares.

    It is called with several tokens, with one query token and with one context token. What is idle
    with several tokens is not looked for again.

    Args:
        fusion: in evaluation mode.
        query: several tokens ``(B, Tq, D)``, all real.
        context: several tokens ``(B, Tc, D)``, all real.

    Raises:
        AssertionError: with the names of the weights.
    """
    declared = fusion.idle_weights if isinstance(fusion, HasIdleWeights) else {}
    cases: Mapping[TokenCase, tuple[Tokens, Tokens]] = {
        "several-tokens": (query, context),
        "one-query-token": (_take_first(query), context),
        "one-context-token": (query, _take_first(context)),
    }
    for case in declared:
        check_choice(case, get_args(TokenCase), "a case of idle_weights")
    always: set[str] = set()
    for case, tokens in cases.items():
        idle = set(find_idle_weights(fusion, *tokens)) - always
        _compare_names(case, idle, declared.get(case, ()))
        check_that(
            case in declared or _reads_query(fusion, *tokens),
            f"with {_describe(case)} it does not read its query; declare the case {case!r} in "
            "idle_weights",
        )
        always |= idle


def find_idle_weights(fusion: Fusion, query: Tokens, context: Tokens) -> list[str]:
    """Return the names of the matrices to which no gradient comes."""
    if not isinstance(fusion, nn.Module):
        return []
    weights = [weight for weight in fusion.parameters() if weight.requires_grad]
    if not weights:
        return []
    fusion.zero_grad()
    run_backward(fusion(query, context), "its result")
    sizes = [float(weight.grad.abs().max()) for weight in weights if weight.grad is not None]
    limit = _ROUNDING * max(sizes, default=0.0)
    idle = [name for name, gradient in _iter_gradients(fusion) if _is_zero(gradient, limit)]
    fusion.zero_grad()
    return idle


def open_gates(fusion: nn.Module) -> None:
    """Give each weight that is all zeros random numbers from 0.1 to 0.3.

    A fusion may start as the identity, with a gate that is closed. Nothing behind such a gate can
    be seen, and nothing in front of it gets a gradient, until a first step has opened it.
    """
    with torch.no_grad():
        for weight in fusion.parameters():
            if weight.requires_grad and not bool(weight.any()):
                weight.copy_(torch.rand_like(weight) * 0.2 + 0.1)


def _iter_gradients(fusion: nn.Module) -> Iterator[tuple[str, Tensor | None]]:
    """Name and gradient of every trained matrix; of attention, those of query, key and value."""
    packed = {
        f"{name}.{_PACKED}".removeprefix(".")
        for name, module in fusion.named_modules()
        if isinstance(module, nn.MultiheadAttention)
    }
    for name, weight in fusion.named_parameters():
        if not weight.requires_grad or weight.ndim < 2:
            continue
        if name not in packed:
            yield name, weight.grad
            continue
        thirds = (None,) * 3 if weight.grad is None else weight.grad.chunk(3)
        for part, gradient in zip(("query", "key", "value"), thirds, strict=True):
            yield f"{name}:{part}", gradient


def _is_zero(gradient: Tensor | None, limit: float) -> bool:
    return gradient is None or float(gradient.abs().max()) <= limit


def _compare_names(case: TokenCase, idle: set[str], declared: Sequence[str]) -> None:
    matched = {name for name in idle if any(fnmatchcase(name, item) for item in declared)}
    check_that(
        idle == matched,
        f"with {_describe(case)} no gradient reaches {_join(idle - matched)}: the softmax over one "
        f"key is 1, or nothing reads them; declare them in idle_weights[{case!r}]",
    )
    wrong = {item for item in declared if not any(fnmatchcase(name, item) for name in idle)}
    check_that(
        not wrong,
        f"idle_weights[{case!r}] names {_join(wrong)}, but a gradient reaches it, or it is not "
        "there",
    )


def _reads_query(fusion: Fusion, query: Tokens, context: Tokens) -> bool:
    """Whether the queries of other rows change anything."""
    swapped = Tokens(query.values.roll(1, 0), query.mask)
    with torch.inference_mode():
        return not is_close(fusion(swapped, context), fusion(query, context))


def _take_first(tokens: Tokens) -> Tokens:
    return Tokens(tokens.values[:, :1], tokens.mask[:, :1])


def _describe(case: TokenCase) -> str:
    return case.replace("-", " ")


def _join(names: set[str]) -> str:
    hidden = len(names) - _MAX_NAMES
    more = [f"{hidden} more"] if hidden > 0 else []
    return ", ".join(sorted(names)[:_MAX_NAMES] + more)
