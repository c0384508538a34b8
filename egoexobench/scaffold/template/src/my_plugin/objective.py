"""Objective `my-plugin-margin`: the loss that training makes smaller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, final

from egoexobench import PairLabels, UsageError, hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Objective
    from torch import Tensor


@hookimpl
def register_objectives(register: Register) -> None:
    """Register the objective."""
    register("my-plugin-margin", margin)


def margin(*, gap: float = 0.5) -> Objective:
    """A video is nearer to its own target than to any other one, by a margin.

    Args:
        gap: the margin, a difference of two cosines.
    """
    if not 0 < gap <= 2:
        raise UsageError(f"gap={gap:g} is invalid: must be more than 0 and at most 2")
    return MarginObjective(gap)


@final
class MarginObjective:
    """An objective with trained weights is an `nn.Module`."""

    def __init__(self, gap: float) -> None:
        self.gap = gap

    def __call__(
        self,
        ego: Tensor,
        exo: Tensor,
        ego_target: Tensor,
        exo_target: Tensor,
        pairs: Sequence[PairLabels],
    ) -> Tensor:
        """Return a scalar from four ``(B, D)`` embeddings of unit length.

        `pairs` has ids, narrations, verbs and nouns, for a loss that treats some pairs as equal.
        """
        del pairs
        return self._compute_loss(ego, ego_target) + self._compute_loss(exo, exo_target)

    def _compute_loss(self, videos: Tensor, targets: Tensor) -> Tensor:
        cosines = videos @ targets.T  # (B, B)
        own = cosines.diagonal()[:, None]
        return (cosines - own + self.gap).clamp(min=0).mean()
