"""What was predicted before the runs, and whether it held over the seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from egoexobench.leaderboard.markdown import DASH, escape_markdown, markdown_table
from egoexobench.leaderboard.render import inline_code
from egoexobench.sweep.claims import (
    CHANCE,
    VERDICTS,
    ClaimVerdict,
    evaluate_claim,
    parse_claim,
    parse_operand,
)
from egoexobench.sweep.estimates import (
    Estimate,
    SeedByQueryValues,
    mean_with_interval,
    paired_difference,
)
from egoexobench.sweep.results import SweepResults, column_chance, column_values
from egoexobench.sweep.table import COLUMN_LABELS, format_interval

if TYPE_CHECKING:
    from egoexobench.sweep.claims import Claim
    from egoexobench.sweep.schema import ColumnGroup, Prediction, SweepColumn

VERDICT_NOTE = (
    "Written into the TOML file before the runs. The difference is that of the first row over the "
    "second, paired by seed and by query, with its 95 % interval. *Held*: the whole interval "
    "agrees with the claim; *failed*: all of it is against; *not shown*: it reaches to both "
    "sides.\n"
)


@dataclass(frozen=True, slots=True)
class PredictionResult:
    """One prediction on one column; ``difference`` is None where a row has no number."""

    prediction: Prediction
    group: ColumnGroup
    column: SweepColumn
    verdict: ClaimVerdict
    difference: Estimate | None


def evaluate_predictions(filled: SweepResults) -> list[PredictionResult]:
    """Return every prediction on every column, failed ones first."""
    found = list(_iter_results(filled))
    return sorted(found, key=lambda one: VERDICTS.index(one.verdict))


def render_predictions(filled: SweepResults) -> str:
    """Return the list of predictions as Markdown; nothing where there are none."""
    found = evaluate_predictions(filled)
    if not found:
        return ""
    count = {verdict: sum(one.verdict == verdict for one in found) for verdict in VERDICTS}
    told = ", ".join(f"{number} {verdict}" for verdict, number in count.items() if number)
    head = ["Verdict", "Prediction", "Column", "Claim", "Difference, points", "95 %", "Seeds"]
    rows = [_result_row(one) for one in found]
    return f"## Predictions: {told}\n\n{VERDICT_NOTE}\n{markdown_table(head, rows, words=4)}"


def _iter_results(filled: SweepResults) -> Iterator[PredictionResult]:
    groups = {group.key: group for group in filled.plan.sweep.groups}
    for one in filled.plan.sweep.predict:
        claim, group = parse_claim(one.claim), groups[one.group]
        for name in one.columns:
            found = _claimed_difference(filled, claim, group, name)
            if found is None:
                yield PredictionResult(one, group, name, "not measured", None)
                continue
            difference = mean_with_interval(found)
            yield PredictionResult(one, group, name, evaluate_claim(claim, difference), difference)


def _claimed_difference(
    filled: SweepResults, claim: Claim, group: ColumnGroup, name: SweepColumn
) -> SeedByQueryValues | None:
    left = column_values(filled, claim.left, group, name)
    right: SeedByQueryValues | float | None = parse_operand(claim.right)
    if claim.right == CHANCE:
        right = column_chance(filled, group, name)
    elif right is None:
        right = column_values(filled, claim.right, group, name)
    return None if left is None or right is None else paired_difference(left, right)


def _result_row(one: PredictionResult) -> list[str]:
    found = one.difference
    numbers = [DASH, DASH, DASH]
    if found:
        numbers = [f"{found.mean:+.1f}", format_interval(found, 1), str(found.seeds)]
    verdict = one.verdict if one.verdict == "held" else f"**{one.verdict}**"
    where = escape_markdown(f"{one.group.label} {COLUMN_LABELS[one.column]}")
    return [
        verdict,
        escape_markdown(one.prediction.text),
        where,
        inline_code(one.prediction.claim),
        *numbers,
    ]
