"""What a track's scoring gives: metrics, and one row per query to be stored beside the record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

MetricUnit = Literal["%", "rank", "1"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric in ``unit``: its value, 95 % interval and chance level.

    ``majority`` is the best score of the same answer to every item; only recognition has it. The
    class is used from the evaluation to records and tables.
    """

    value: float
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    majority: float | None = None
    unit: MetricUnit = "%"


@dataclass(frozen=True, slots=True)
class Row:
    """One query: its right answers, their best rank before and after ties, and top-1 as 0 to 1.

    ``right`` of the candidates are right, ``level`` of those tie with the best.
    """

    source: str
    answers: tuple[str, ...]
    optimistic: int
    pessimistic: int
    candidates: int
    hit: float
    cluster: str
    right: int = 1
    level: int = 1


@dataclass(frozen=True, slots=True)
class Score:
    """How well one track was solved; names and units of ``metrics`` stand in ``tasks.METRICS``.

    ``candidates`` is the least and the greatest number that a query had. ``dropped`` queries were
    not asked because an embedding was missing, ``missing`` candidates left their gallery.
    ``parts`` breaks the score down (by view; by items of a single label), without rows.
    """

    metrics: Mapping[str, Metric]
    n: int
    clusters: int
    candidates: tuple[int, int]
    dropped: int = 0
    missing: int = 0
    rows: tuple[Row, ...] = ()
    parts: Mapping[str, Score] = field(default_factory=dict)
