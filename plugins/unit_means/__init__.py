"""Fusions `unit-mean` and `late`: means of tokens of unit length; nothing is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench import hookimpl
from egoexobench.errors import UsageError

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Fusion


@hookimpl
def register_fusions(register: Register) -> None:
    """Register the fusions."""
    register("unit-mean", unit_mean)
    register("late", late)


def unit_mean(width: int, /) -> Fusion:
    """The mean of the query tokens, each of unit length; without a query, of the context tokens.

    CLIP4Clip pools the frames of CLIP so (ArrowLuo/CLIP4Clip 11ab69f, modules/modeling.py). Where
    one encoder is used, its tokens are query and context.

    Args:
        width: D of the tokens, any.
    """
    del width
    from egoexobench_plugins.unit_means.model import UnitMean

    return UnitMean()


def late(width: int, /, *, weight: float | None = None) -> Fusion:
    """Query and context side by side, so that a cosine is the weighted sum of two cosines.

    Both are means of tokens of unit length, scaled to unit length. With the query weighted by w,
    the cosine of two embeddings is w times the cosine of the queries plus 1 - w times that of the
    contexts. A row without a query, such as a clip without sound, is its context alone.

    Args:
        width: D of the tokens, any; query and context may differ.
        weight: w, from 0 to 1; without it, one of 0, 0.1, ..., 1 is chosen on the validation split.
    """
    del width
    if weight is not None and not 0 <= weight <= 1:
        raise UsageError(f"weight={weight:g} is invalid for fusion 'late': must be from 0 to 1")
    from egoexobench_plugins.unit_means.model import LateFusion

    return LateFusion(weight)
