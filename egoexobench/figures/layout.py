"""What a retrieval figure shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoexobench.data.decode import AudioState


@dataclass(frozen=True, slots=True)
class Look:
    """Pictures and sound of a clip on one time axis.

    ``pixels`` are uint8 RGB ``(F, H, W, 3)`` at segment centres; ``peaks`` ``(P,)`` the loudest
    sample of each of P equal spans, 1 the loudest of the clip, or None where nothing is heard, and
    ``state`` says why.
    """

    pixels: NDArray[np.uint8]
    peaks: NDArray[np.float32] | None
    state: AudioState


@dataclass(frozen=True, slots=True)
class Card:
    """A clip, or a text where there is no ``look``."""

    id: str
    words: str
    caption: str | None
    look: Look | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer of a method: its place from 1, and its score."""

    place: int
    score: float
    right: bool
    card: Card


@dataclass(frozen=True, slots=True)
class Row:
    """What one run answered; ``answer`` is the right one where it is not among the first."""

    name: str
    verdict: str
    first: tuple[Candidate, ...]
    answer: Candidate | None

    @property
    def shown(self) -> tuple[Candidate, ...]:
        """All of them, from left to right."""
        return (*self.first, self.answer) if self.answer else self.first


@dataclass(frozen=True, slots=True)
class Figure:
    """One query and the answers of some runs, from top to bottom."""

    title: str
    about: str
    query: Card
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    """Lines below: how the query was chosen, what the captions are."""
    warnings: tuple[str, ...]
    """Where the picture and the records do not say the same; shown below as well."""
