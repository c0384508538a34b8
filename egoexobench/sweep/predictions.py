"""The predictions that were written before the runs, and their verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from egoexobench.leaderboard.board_text import DASH
from egoexobench.leaderboard.markdown import escape_markdown, format_table
from egoexobench.leaderboard.render import format_code
from egoexobench.sweep.claims import (
    CHANCE,
    VERDICTS,
    ClaimVerdict,
    Estimate,
    evaluate_claim,
    parse_claim,
    parse_operand,
)
from egoexobench.sweep.estimates import SeedByQueryValues, estimate_mean, subtract_paired
from egoexobench.sweep.results import SweepResults, get_column_chance, get_column_values
from egoexobench.sweep.table import COLUMN_LABELS, format_interval

if TYPE_CHECKING:
    from egoexobench.sweep.claims import Claim
    from egoexobench.sweep.schema import ColumnGroup, Prediction, SweepColumn

VERDICT_NOTE = (
    "The predictions were written into the TOML file before the runs. The difference is the first "
    "row minus the second, paired by seed and by query, with its 95 % interval. *Confirmed*: the "
    "whole interval agrees with the claim; *refuted*: the whole interval is against it; "
    "*inconclusive*: it contains values of both kinds.\n"
)
HEADER = ("Verdict", "Prediction", "Column", "Claim", "Difference, points", "95 %", "Seeds")


@dataclass(frozen=True, slots=True)
class PredictionResult:
    """One prediction on one column; ``difference`` is None if a row has no score."""

    prediction: Prediction
    group: ColumnGroup
    column: SweepColumn
    verdict: ClaimVerdict
    difference: Estimate | None


def evaluate_predictions(results: SweepResults) -> list[PredictionResult]:
    """Return every prediction on every column, refuted ones first."""
    return sorted(_iter_results(results), key=lambda result: VERDICTS.index(result.verdict))


def render_predictions(results: SweepResults) -> str:
    """Return the list of predictions as Markdown; empty text if there are none."""
    evaluated = evaluate_predictions(results)
    if not evaluated:
        return ""
    counts = {
        verdict: sum(result.verdict == verdict for result in evaluated) for verdict in VERDICTS
    }
    summary = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    lines = [_format_result(result) for result in evaluated]
    table = format_table(HEADER, lines, num_text_columns=4)
    return f"## Predictions: {summary}\n\n{VERDICT_NOTE}\n{table}"


def _iter_results(results: SweepResults) -> Iterator[PredictionResult]:
    groups = {group.key: group for group in results.plan.sweep.groups}
    for prediction in results.plan.sweep.predict:
        claim, group = parse_claim(prediction.claim), groups[prediction.group]
        for column in prediction.columns:
            values = _compute_difference(results, claim, group, column)
            difference = None if values is None else estimate_mean(values)
            yield PredictionResult(
                prediction=prediction,
                group=group,
                column=column,
                verdict=evaluate_claim(claim, difference) if difference else "not measured",
                difference=difference,
            )


def _compute_difference(
    results: SweepResults, claim: Claim, group: ColumnGroup, column: SweepColumn
) -> SeedByQueryValues | None:
    left = get_column_values(results, claim.left, group, column)
    right: SeedByQueryValues | float | None = parse_operand(claim.right)
    if claim.right == CHANCE:
        right = get_column_chance(results, group, column)
    elif right is None:
        right = get_column_values(results, claim.right, group, column)
    return None if left is None or right is None else subtract_paired(left, right)


def _format_result(result: PredictionResult) -> list[str]:
    difference = result.difference
    numbers = [DASH, DASH, DASH]
    if difference:
        interval = format_interval(difference, 1)
        numbers = [f"{difference.mean:+.1f}", interval, str(difference.num_seeds)]
    is_confirmed = result.verdict == "confirmed"
    return [
        result.verdict if is_confirmed else f"**{result.verdict}**",
        escape_markdown(result.prediction.text),
        escape_markdown(f"{result.group.label} {COLUMN_LABELS[result.column]}"),
        format_code(result.prediction.claim),
        *numbers,
    ]
