"""What was predicted before the runs, and whether it held over the seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from egoexobench.leaderboard.markdown import DASH, escape, table
from egoexobench.leaderboard.render import code
from egoexobench.sweep.claims import CHANCE, VERDICTS, Verdict, judge, number, parse
from egoexobench.sweep.estimates import Estimate, Series, estimate, less
from egoexobench.sweep.results import Filled, chance, column
from egoexobench.sweep.table import HEADS, interval

if TYPE_CHECKING:
    from egoexobench.sweep.claims import Claim
    from egoexobench.sweep.schema import Column, Group, Prediction

HOW = (
    "Written into the TOML file before the runs. The difference is that of the first row over the "
    "second, paired by seed and by query, with its 95 % interval. *Held*: the whole interval "
    "agrees with the claim; *failed*: all of it is against; *not shown*: it reaches to both "
    "sides.\n"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One prediction on one column; ``difference`` is None where a row has no number."""

    prediction: Prediction
    group: Group
    column: Column
    verdict: Verdict
    difference: Estimate | None


def outcomes(filled: Filled) -> list[Outcome]:
    """Return every prediction on every column, failed ones first."""
    found = list(_outcomes(filled))
    return sorted(found, key=lambda one: VERDICTS.index(one.verdict))


def section(filled: Filled) -> str:
    """Return the list of predictions as Markdown; nothing where there are none."""
    found = outcomes(filled)
    if not found:
        return ""
    count = {verdict: sum(one.verdict == verdict for one in found) for verdict in VERDICTS}
    told = ", ".join(f"{number} {verdict}" for verdict, number in count.items() if number)
    head = ["Verdict", "Prediction", "Column", "Claim", "Difference, points", "95 %", "Seeds"]
    rows = [_row(one) for one in found]
    return f"## Predictions: {told}\n\n{HOW}\n{table(head, rows, words=4)}"


def _outcomes(filled: Filled) -> Iterator[Outcome]:
    groups = {group.key: group for group in filled.plan.sweep.groups}
    for one in filled.plan.sweep.predict:
        claim, group = parse(one.claim), groups[one.group]
        for name in one.columns:
            found = _difference(filled, claim, group, name)
            if found is None:
                yield Outcome(one, group, name, "not measured", None)
                continue
            difference = estimate(found)
            yield Outcome(one, group, name, judge(claim, difference), difference)


def _difference(filled: Filled, claim: Claim, group: Group, name: Column) -> Series | None:
    left = column(filled, claim.left, group, name)
    right: Series | float | None = number(claim.right)
    if claim.right == CHANCE:
        right = chance(filled, group, name)
    elif right is None:
        right = column(filled, claim.right, group, name)
    return None if left is None or right is None else less(left, right)


def _row(one: Outcome) -> list[str]:
    found = one.difference
    numbers = [DASH, DASH, DASH]
    if found:
        numbers = [f"{found.mean:+.1f}", interval(found, 1), str(found.seeds)]
    verdict = one.verdict if one.verdict == "held" else f"**{one.verdict}**"
    where = escape(f"{one.group.label} {HEADS[one.column]}")
    return [verdict, escape(one.prediction.text), where, code(one.prediction.claim), *numbers]
