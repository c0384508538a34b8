"""What all checks share: one-line assertions about objects, calls, tensors and gradients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from egoexobench.part_results import describe_value

TOLERANCE = 1e-5
_MISSING = object()


def check_that(condition: bool, message: str) -> None:
    """Raise AssertionError with a message unless a condition holds."""
    if not condition:
        raise AssertionError(message)


@contextmanager
def report_errors(call: str) -> Iterator[None]:
    """Turn any exception inside into an AssertionError that names the call."""
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:  # a plug-in may fail in any way
        line = " ".join(str(error).split())
        raise AssertionError(f"{call} raised {type(error).__name__}: {line}") from error


def check_has(part: object, methods: Iterable[str], attributes: Iterable[str] = ()) -> None:
    """Check that a part has attributes, and methods that can be called."""
    for name in attributes:
        with report_errors(f"reading {name}"):
            check_that(
                getattr(part, name, _MISSING) is not _MISSING, f"it has no attribute {name!r}"
            )
    for name in methods:
        method = getattr(part, name, _MISSING)
        check_that(method is not _MISSING, f"it has no method {name!r}")
        check_that(callable(method), f"{name} is {describe_value(method)}; it must be a method")


def check_instance(value: object, expected: type, name: str) -> None:
    """Check the type of a value."""
    check_that(
        isinstance(value, expected),
        f"{name} is {describe_value(value)}; it must be {expected.__name__}",
    )


def check_choice(value: object, choices: Sequence[str], name: str) -> None:
    """Check that a value is one of a few."""
    message = f"{name} is {value!r}; it must be one of {', '.join(choices)}"
    check_that(isinstance(value, str) and value in choices, message)


def check_sequence(values: object, item_type: type, name: str) -> None:
    """Check that values are a list or another sequence, and of one type."""
    is_sequence = isinstance(values, Sequence) and not isinstance(values, str)
    check_that(
        is_sequence, f"{name} is {describe_value(values)}; it must be a sequence, such as a list"
    )
    for value in values if isinstance(values, Sequence) else ():
        check_instance(value, item_type, f"an item of {name}")


def check_unchanged(before: Sequence[Tensor], after: Sequence[Tensor], call: str) -> None:
    """Check that a call did not change its inputs."""
    same_count = len(before) == len(after)
    same = same_count and all(map(torch.equal, before, after))
    check_that(same, f"{call} changes its inputs in place")


def check_valid(fault: str | None) -> None:
    """Raise AssertionError with a fault of `egoexobench.part_results`; None is no fault."""
    if fault is not None:
        raise AssertionError(fault)


def check_finite(tensor: object, name: str) -> None:
    """Check that a tensor contains neither NaN nor infinity."""
    is_finite = isinstance(tensor, Tensor) and bool(torch.isfinite(tensor).all())
    check_that(is_finite, f"{name} contains NaN or infinity")


def check_eval_mode(module: nn.Module, reason: str) -> None:
    """Check that a module and all modules inside are in evaluation mode."""
    training = [name or "itself" for name, inner in module.named_modules() if inner.training]
    check_that(not training, f"{reason}: {', '.join(training[:3])}")


def check_gradient(tensors: Iterable[Tensor], name: str) -> None:
    """Check that a gradient reached some of the tensors, and that it is finite."""
    gradients = [tensor.grad for tensor in tensors if tensor.grad is not None]
    reached = any(bool(gradient.abs().sum() > 0) for gradient in gradients)
    finite = all(bool(torch.isfinite(gradient).all()) for gradient in gradients)
    check_that(finite, f"the gradient of {name} contains NaN or infinity")
    check_that(reached, f"no gradient reaches {name}")


def run_backward(result: Tensor, name: str) -> None:
    """Compute gradients of a random projection of a result."""
    check_that(
        result.requires_grad, f"{name} has no gradient: it was detached, or made under no_grad"
    )
    with report_errors("backward"):
        (result * torch.randn_like(result)).sum().backward()  # type: ignore[no-untyped-call]


def is_close(first: Tensor, second: Tensor) -> bool:
    """Whether two tensors have one shape and nearly the same values."""
    same_shape = first.shape == second.shape
    return same_shape and bool(torch.allclose(first, second, atol=TOLERANCE, rtol=TOLERANCE))


def check_rows(first: Tensor, second: Tensor, message: str) -> None:
    """Check that two results are nearly the same in every row, and name the first other one."""
    check_that(first.shape == second.shape, f"{message} (its shape changes)")
    is_same = torch.isclose(first, second, atol=TOLERANCE, rtol=TOLERANCE).flatten(1).all(1)
    wrong = (~is_same).nonzero().flatten().tolist()
    check_that(not wrong, f"{message} (row {wrong[0] if wrong else 0} of {len(first)})")
