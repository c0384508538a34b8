"""Predictions: a claim about two rows, written before they run, and the verdict of the runs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Relation = Literal[">", "~", "<="]
ClaimVerdict = Literal["refuted", "inconclusive", "not measured", "confirmed"]
VERDICTS: tuple[ClaimVerdict, ...] = ("refuted", "inconclusive", "not measured", "confirmed")
"""In the order in which a page lists them: refuted predictions come first."""
CHANCE = "chance"
CLAIM_FORMS = "'A > B', 'A > B by 5 points', 'A ~ B within 5 points' or 'A <= B within 5 points'"

_OPERAND = r"[a-z0-9][a-z0-9.-]*"
_CLAIM = re.compile(
    rf"(?P<left>{_OPERAND}) (?P<relation>>|~|<=) (?P<right>{_OPERAND})"
    r"(?: (?P<word>by|within) (?P<margin>\d+(?:\.\d+)?) points?)?"
)
_RELATIONS: dict[str, Relation] = {">": ">", "~": "~", "<=": "<="}
_MARGIN_WORDS: dict[str, tuple[str | None, ...]] = {
    ">": (None, "by"),
    "~": ("within",),
    "<=": (None, "within"),
}


@dataclass(frozen=True, slots=True)
class Claim:
    """``left`` is a row; ``right`` is a row, `chance`, or a number in points.

    ``>``: left is above right by more than ``margin``. ``~``: they differ by at most ``margin``.
    ``<=``: left is above right by at most ``margin``.
    """

    left: str
    relation: Relation
    right: str
    margin: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over ``num_seeds`` seeds and its 95 % interval."""

    mean: float
    low: float
    high: float
    num_seeds: int


def parse_claim(text: str) -> Claim:
    """Return the claim that a text states.

    Raises:
        ValueError: if the text has another form.
    """
    match = _CLAIM.fullmatch(" ".join(text.split()))
    if not match or match["word"] not in _MARGIN_WORDS[match["relation"]]:
        message = f"cannot read the claim {text!r}: a claim is {CLAIM_FORMS}"
        raise ValueError(message)
    return Claim(
        left=match["left"],
        relation=_RELATIONS[match["relation"]],
        right=match["right"],
        margin=float(match["margin"] or 0),
    )


def parse_operand(operand: str) -> float | None:
    """Return the number that an operand is; None for a row or `chance`."""
    return float(operand) if re.fullmatch(r"\d+(?:\.\d+)?", operand) else None


def evaluate_claim(claim: Claim, difference: Estimate) -> ClaimVerdict:
    """Return the verdict on a claim.

    It is confirmed if the whole interval agrees with it, and refuted if the whole interval is
    against it.

    Args:
        claim: The prediction.
        difference: Left minus right, in points, with its 95 % interval.
    """
    low, high, margin = difference.low, difference.high, claim.margin
    if claim.relation == ">":
        is_confirmed, is_refuted = low > margin, high <= margin
    elif claim.relation == "<=":
        is_confirmed, is_refuted = high <= margin, low > margin
    else:
        is_confirmed = -margin <= low and high <= margin
        is_refuted = low > margin or high < -margin
    if is_confirmed:
        return "confirmed"
    return "refuted" if is_refuted else "inconclusive"
