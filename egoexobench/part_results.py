"""What the methods of parts must return, as checks that cost little.

Each function returns one line that says what is wrong with a result, or None. The harness calls
them where it calls a part and names the part; `egoexobench.testing` calls them in its contracts.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING

from egoexobench.errors import PartError
from egoexobench.types import VIEWS, QuestionAnswer, Tokens

if TYPE_CHECKING:
    from torch import Tensor

MAX_SHOWN = 40
"""Characters of a value that a message shows."""
PREPARED_DTYPES = (
    "bool",
    "float16",
    "float32",
    "float64",
    "int16",
    "int32",
    "int64",
    "int8",
    "uint8",
)
"""Number formats of what `Encoder.prepare` may return."""


def require_valid(fault: str | None, label: str) -> None:
    """Stop if a part returned something wrong.

    Args:
        fault: what is wrong with the result; None if nothing is.
        label: kind, name and distribution of the part.

    Raises:
        PartError: with both in one line.
    """
    if fault is not None:
        raise PartError(f"{label}: {fault}")


def describe_value(value: object) -> str:
    """Return a value and its type, or only the type if the value is long.

    >>> describe_value(None), describe_value(list(range(40)))
    ('None (NoneType)', 'of type list')
    """
    text, kind = " ".join(repr(value).split()), type(value).__name__
    is_readable = len(text) <= MAX_SHOWN and not text.startswith("<")
    return f"{text} ({kind})" if is_readable else f"of type {kind}"


def find_array_fault(array: object) -> str | None:
    """Return what is wrong with the result of `Encoder.prepare`."""
    import numpy as np

    if not isinstance(array, np.ndarray):
        return f"the result of prepare is {describe_value(array)}; it must be ndarray"
    if array.ndim == 0:
        return "prepare returns an array without axes; the first is time, or the token"
    if array.dtype.name not in PREPARED_DTYPES:
        names = ", ".join(PREPARED_DTYPES)
        return f"prepare returns the dtype {array.dtype.name}; use one of {names}"
    return None


def find_tokens_fault(tokens: object, num_rows: int, dim: int) -> str | None:
    """Return what is wrong with the result of `Encoder.encode` for ``num_rows`` rows."""
    import torch

    if not isinstance(tokens, Tokens):
        return f"the result of encode is {describe_value(tokens)}; it must be Tokens"
    fault = _find_float_fault(tokens.values, "values of its tokens")
    if fault is None and not isinstance(tokens.mask, torch.Tensor):
        fault = f"mask of its tokens is {describe_value(tokens.mask)}; it must be Tensor"
    if fault is not None:
        return fault
    shape, mask_shape = tuple(tokens.values.shape), tuple(tokens.mask.shape)
    if len(shape) != 3 or (shape[0], shape[2]) != (num_rows, dim):
        return f"its tokens have the shape {shape}; it must be (B, T, dim) = ({num_rows}, T, {dim})"
    if tokens.mask.dtype != torch.bool:
        return f"the mask has the dtype {tokens.mask.dtype}; it must be torch.bool"
    if mask_shape != shape[:2]:
        return f"the mask has the shape {mask_shape}; it must be (B, T) = {shape[:2]}"
    return None


def find_vectors_fault(
    vectors: object, num_rows: int, name: str, dim: int | None = None
) -> str | None:
    """Return what is wrong with vectors ``(num_rows, dim)``; any width is right without ``dim``."""
    fault = _find_float_fault(vectors, name)
    if fault is not None:
        return fault
    shape = tuple(getattr(vectors, "shape", ()))
    if len(shape) != 2 or shape[0] != num_rows or dim not in (None, shape[1]):
        width = "D" if dim is None else dim
        return f"{name} has the shape {shape}; for {num_rows} rows it must be ({num_rows}, {width})"
    return None


def find_scores_fault(scores: object, num_queries: int, num_candidates: int) -> str | None:
    """Return what is wrong with the result of `Scorer.score` or `TextScorer.score_texts`."""
    import torch

    fault = _find_float_fault(scores, "the result of score")
    if fault is not None:
        return fault
    assert isinstance(scores, torch.Tensor)  # noqa: S101 - it has no fault
    expected = num_queries, num_candidates
    if tuple(scores.shape) != expected:
        return f"its scores have the shape {tuple(scores.shape)}; it must be (Q, K) = {expected}"
    if not bool(torch.isfinite(scores).all()):
        num_wrong = int((~torch.isfinite(scores)).sum())
        return f"{num_wrong} of {scores.numel()} scores are NaN or infinite"
    return None


def find_targets_fault(targets: object, num_pairs: int, dim: int | None = None) -> str | None:
    """Return what is wrong with the result of an anchor."""
    if not isinstance(targets, tuple):
        return f"its result is {describe_value(targets)}; it must be tuple"
    if len(targets) != len(VIEWS):
        return f"it returns {len(targets)} targets, not one for each view"
    faults = (
        find_vectors_fault(target, num_pairs, f"the target of the {view} videos", dim)
        for view, target in zip(VIEWS, targets, strict=True)
    )
    return next((fault for fault in faults if fault is not None), None)


def find_loss_fault(loss: object) -> str | None:
    """Return what is wrong with the result of an objective."""
    fault = _find_float_fault(loss, "its loss")
    shape = tuple(getattr(loss, "shape", ()))
    if fault is None and shape:
        return f"its loss has the shape {shape}; it must be a scalar"
    if fault is None and not getattr(loss, "requires_grad", False):
        return "its loss has no gradient: it was detached, or made under no_grad"
    return fault


def find_texts_fault(texts: object, num_texts: int, name: str) -> str | None:
    """Return what is wrong with the captions that a captioner returns for ``num_texts`` texts."""
    if not isinstance(texts, Sequence) or isinstance(texts, str):
        return (
            f"the result of {name} is {describe_value(texts)}; it must be a sequence, such as a "
            "list"
        )
    wrong = next((text for text in texts if not isinstance(text, str)), None)
    if not all(isinstance(text, str) for text in texts):
        return f"an item of the result of {name} is {describe_value(wrong)}; it must be str"
    if len(texts) != num_texts:
        inputs = "captions" if name == "refine" else "narrations"
        return f"{name} returns {len(texts)} captions for {num_texts} {inputs}"
    return None


def find_answer_fault(answer: object, num_candidates: int) -> str | None:
    """Return what is wrong with an answer to a question with ``num_candidates`` candidates."""
    if not isinstance(answer, QuestionAnswer):
        return f"answer yields {describe_value(answer)}; it must be QuestionAnswer"
    fields = ("choice", "order", "scores", "refusal", "failure")
    names = [name for name in fields if getattr(answer, name) is not None]
    if len(names) != 1:
        return f"an answer has {len(names)} of {', '.join(fields)}; it must have exactly one"
    value = getattr(answer, names[0])
    match names[0]:
        case "scores":
            return _find_candidate_scores_fault(value, num_candidates)
        case "choice" | "order":
            positions = (value,) if names[0] == "choice" else value
            return _find_positions_fault(positions, num_candidates)
    is_reason = isinstance(value, str) and bool(value.strip())
    shown = f"the {names[0]} of an answer is {describe_value(value)}; it must be a reason"
    return None if is_reason else shown


def _find_positions_fault(positions: object, num_candidates: int) -> str | None:
    if not isinstance(positions, tuple):
        return f"the order of an answer is {describe_value(positions)}; it must be tuple"
    for position in positions:
        if type(position) is not int or not 0 <= position < num_candidates:
            shown = describe_value(position)
            return f"an answer names {shown}; candidates are 0 to {num_candidates - 1}"
    is_repeated = len(set(positions)) < len(positions)
    return "the order of an answer has a candidate twice" if is_repeated else None


def _find_candidate_scores_fault(scores: object, num_candidates: int) -> str | None:
    if not isinstance(scores, tuple) or len(scores) != num_candidates:
        return (
            f"the scores of an answer are {describe_value(scores)}; it must be a tuple of "
            f"{num_candidates} numbers"
        )
    wrong = [score for score in scores if type(score) not in (int, float) or not isfinite(score)]
    return f"a score of an answer is {describe_value(wrong[0])}" if wrong else None


def _find_float_fault(tensor: Tensor | object, name: str) -> str | None:
    import torch

    if not isinstance(tensor, torch.Tensor):
        return f"{name} is {describe_value(tensor)}; it must be Tensor"
    if not tensor.dtype.is_floating_point:
        return f"{name} has the dtype {tensor.dtype}; it must be floating point"
    return None
