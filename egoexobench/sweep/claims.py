"""Predictions: what is claimed of two rows before they run, and what the runs say to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from egoexobench.sweep.estimates import Estimate

Relation = Literal[">", "~", "<="]
ClaimVerdict = Literal["failed", "not shown", "not measured", "held"]
VERDICTS: tuple[ClaimVerdict, ...] = ("failed", "not shown", "not measured", "held")
"""In the order in which they are listed: what went against the prediction comes first."""
CHANCE = "chance"
CLAIM_FORMS = "'A > B', 'A > B by 5 points', 'A ~ B within 5 points' or 'A <= B within 5 points'"

_OPERAND = r"[a-z0-9][a-z0-9.-]*"
_CLAIM = re.compile(
    rf"(?P<left>{_OPERAND}) (?P<relation>>|~|<=) (?P<right>{_OPERAND})"
    r"(?: (?P<word>by|within) (?P<margin>\d+(?:\.\d+)?) points?)?"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """``left`` is a row; ``right`` a row, `chance`, or a number in points.

    ``>``: left is above right by more than ``margin``. ``~``: they are no further apart than
    ``margin``. ``<=``: left is above right by no more than ``margin``.
    """

    left: str
    relation: Relation
    right: str
    margin: float


def parse_claim(text: str) -> Claim:
    """Read a claim.

    Raises:
        ValueError: if it has another form.
    """
    found = _CLAIM.fullmatch(" ".join(text.split()))
    wanted = {">": (None, "by"), "~": ("within",), "<=": (None, "within")}
    if not found or found["word"] not in wanted[found["relation"]]:
        message = f"a claim is {CLAIM_FORMS}, not {text!r}"
        raise ValueError(message)
    relations: dict[str, Relation] = {">": ">", "~": "~", "<=": "<="}
    return Claim(
        found["left"], relations[found["relation"]], found["right"], float(found["margin"] or 0)
    )


def parse_operand(operand: str) -> float | None:
    """Return what an operand is if it is a number; None for a row or `chance`."""
    return float(operand) if re.fullmatch(r"\d+(?:\.\d+)?", operand) else None


def evaluate_claim(claim: Claim, difference: Estimate) -> ClaimVerdict:
    """Say whether a claim held: its whole interval must agree, and to fail, all must disagree.

    Args:
        claim: what was predicted.
        difference: left less right, in points, with its 95 % interval.
    """
    low, high, margin = difference.low, difference.high, claim.margin
    if claim.relation == ">":
        held, failed = low > margin, high <= margin
    elif claim.relation == "<=":
        held, failed = high <= margin, low > margin
    else:
        held, failed = -margin <= low and high <= margin, low > margin or high < -margin
    return "held" if held else "failed" if failed else "not shown"
