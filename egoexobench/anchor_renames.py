"""Names that members of an anchor had before version 0.2; they work and warn."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, final, runtime_checkable

from egoexobench.errors import RenamedWarning
from egoexobench.protocols import Anchor, AnchorInput, AnchorText

if TYPE_CHECKING:
    from torch import Tensor


@runtime_checkable
class OldAnchor(Protocol):
    """An anchor with the old names."""

    @property
    def needs(self) -> tuple[AnchorInput, ...]:
        """Old name of ``required_inputs``."""
        ...

    @property
    def text(self) -> AnchorText:
        """Old name of ``eval_text``."""
        ...

    def __call__(self, embeddings: Mapping[AnchorInput, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the targets of the ego and of the exo videos."""
        ...


@final
@dataclass(frozen=True, slots=True)
class RenamedAnchor:
    """An old anchor with the new names."""

    anchor: OldAnchor

    @property
    def required_inputs(self) -> tuple[AnchorInput, ...]:
        """Names of the embeddings that the harness computes and passes to the call."""
        return self.anchor.needs

    @property
    def eval_text(self) -> AnchorText:
        """The text embedding that represents a text during evaluation."""
        return self.anchor.text

    def __call__(self, embeddings: Mapping[AnchorInput, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the targets of the ego and of the exo videos, ``(B, D)`` each."""
        return self.anchor(embeddings)


def rename_members(anchor: Anchor | OldAnchor) -> Anchor:
    """Return an anchor with the new names, and warn if it has the old ones."""
    if isinstance(anchor, OldAnchor) and not isinstance(anchor, Anchor):
        message = (
            "anchor members 'needs' and 'text' are now called 'required_inputs' and 'eval_text'"
        )
        warnings.warn(message, RenamedWarning, stacklevel=2)
        return RenamedAnchor(anchor)
    return anchor
