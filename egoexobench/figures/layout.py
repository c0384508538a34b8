"""The content of a figure: a query, and what some runs answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoexobench.data.decode import AudioState


@dataclass(frozen=True, slots=True)
class ClipPreview:
    """Frames and audio of a clip on one time axis."""

    pixels: NDArray[np.uint8]
    """RGB frames ``(F, H, W, 3)`` at segment centers."""
    peaks: NDArray[np.float32] | None
    """Loudest sample of each of P equal spans, ``(P,)``, 1 is the loudest; None without audio."""
    state: AudioState


@dataclass(frozen=True, slots=True)
class Card:
    """A clip, or a text if there is no preview."""

    id: str
    text: str
    caption: str | None
    preview: ClipPreview | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate or a class: its rank from 1, and its score."""

    rank: int
    score: float
    is_positive: bool
    card: Card


@dataclass(frozen=True, slots=True)
class RetrievalRow:
    """What one run answered."""

    name: str
    rank_summary: str
    first: tuple[Candidate, ...]
    positive: Candidate | None
    """The best positive, if it is not one of the first candidates."""

    @property
    def displayed(self) -> tuple[Candidate, ...]:
        """All candidates, from left to right."""
        return (*self.first, self.positive) if self.positive else self.first


@dataclass(frozen=True, slots=True)
class RetrievalFigure:
    """A query and what some runs answered, from top to bottom."""

    title: str
    subtitle: str
    query: Card
    rows: tuple[RetrievalRow, ...]
    notes: tuple[str, ...]
    """Lines below the rows: how the query was selected, what the captions are."""
    warnings: tuple[str, ...]
    """Differences between the figure and the records; they are displayed below the notes."""
    labels: tuple[str, ...] = ()
    """True classes of the query of a recognition task, whose candidates are classes."""

    @property
    def cards(self) -> list[Card]:
        """The query and every displayed candidate."""
        return [self.query, *(item.card for row in self.rows for item in row.displayed)]
