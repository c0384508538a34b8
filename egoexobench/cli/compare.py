"""`egoexobench compare`."""

from __future__ import annotations

import json
from dataclasses import asdict
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from egoexobench.cli.common_options import TASKS_OPTION
from egoexobench.cli.renamed_choice import RenamedChoice
from egoexobench.records.version_1 import METRIC_NAMES
from egoexobench.terminal import show_renderable, show_text
from egoexobench.types import TASKS, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from egoexobench.comparison import FieldDifference, LoadedRun, PairedComparison

WIDTH = 126
"""Columns of text that the table needs; output to a pipe has this width."""
DASH = "–"
METRIC_LABELS = {
    "hit_rate_at_1": "R@1",
    "hit_rate_at_5": "R@5",
    "hit_rate_at_10": "R@10",
    "mrr": "MRR",
    "mir_map": "mAP",
    "ndcg": "nDCG",
}
NOTE = (
    "Difference: first run minus second run on the same queries, with the 95 % interval of the "
    "bootstrap over clusters.\n"
    "p: McNemar's exact test if the first answer is right or wrong and every query is its own "
    "cluster,\notherwise a sign-flip test over clusters. Holm: p corrected for all {tests} tests "
    "of this table. Detectable: the smallest\ndifference that a test at the 5 % level finds with "
    "a probability of 80 %."
)


@click.command("compare")
@click.argument("records", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@TASKS_OPTION
@click.option(
    "--metric",
    "metrics",
    type=RenamedChoice([*METRIC_LABELS], METRIC_NAMES),
    multiple=True,
    default=("hit_rate_at_1", "mrr", "mir_map", "ndcg"),
    show_default=True,
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed of the bootstrap.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def compare_command(
    records: tuple[Path, ...],
    tasks: tuple[str, ...],
    metrics: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> None:
    """Compare records: list their differences and test score differences for significance.

    RECORDS are two or more records of runs, or folders of them. Scores of different tracks are not
    compared. Choose tasks and metrics before you look at results: every test counts in the
    correction.
    """
    from egoexobench.comparison import compare_runs, find_differences, load_runs
    from egoexobench.records.store import list_records

    runs = load_runs(list_records(records))
    differences = find_differences(runs)
    selected: tuple[Task, ...] = (
        TASKS if not tasks or "all" in tasks else tuple(task for task in TASKS if task in tasks)
    )
    comparisons = compare_runs(runs, tasks=selected, names=metrics, seed=seed)
    if as_json:
        show_text(_to_json(runs, differences, comparisons))
    else:
        _print_tables(runs, differences, comparisons)


def _print_tables(
    runs: Sequence[LoadedRun],
    differences: Sequence[FieldDifference],
    comparisons: Sequence[PairedComparison],
) -> None:
    from egoexobench.records.external import describe_external_source
    from egoexobench.records.given_features import describe_given_features

    for letter, run in zip(_name_runs(runs), runs, strict=True):
        show_text(f"{letter}  {run.path}")
        method = run.record.method
        if note := describe_external_source(method) or describe_given_features(method):
            show_text(f"   {note}")
    show_renderable(_render_differences(runs, differences), min_width=WIDTH)
    show_renderable(_render_comparisons(runs, comparisons), min_width=WIDTH)
    show_text(NOTE.format(tests=len(comparisons)))


def _to_json(
    runs: Sequence[LoadedRun],
    differences: Sequence[FieldDifference],
    comparisons: Sequence[PairedComparison],
) -> str:
    payload = {
        "records": [run.record.id for run in runs],
        "differences": [asdict(difference) for difference in differences],
        "comparisons": [
            {
                name: None if isinstance(value, float) and isnan(value) else value
                for name, value in asdict(comparison).items()
            }
            for comparison in comparisons
        ],
    }
    return json.dumps(payload, indent=2, ensure_ascii=False)


def _render_differences(runs: Sequence[LoadedRun], differences: Sequence[FieldDifference]) -> Table:
    table = _make_table("Fields in which the records differ")
    table.add_column("field", no_wrap=True)
    for letter in _name_runs(runs):
        table.add_column(letter, overflow="fold")
    for difference in differences:
        table.add_row(difference.field, *(_format_value(value) for value in difference.values))
    if not differences:
        table.add_row("none", *("" for _ in runs))
    return table


def _render_comparisons(
    runs: Sequence[LoadedRun], comparisons: Sequence[PairedComparison]
) -> Table:
    table = _make_table("Scores on the same queries")
    for name in ("track", "runs"):
        table.add_column(name, no_wrap=True)
    for name in ("1st", "2nd", "difference", "95 %", "only 1st/2nd", "p", "Holm"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("detectable", "n/clusters"):
        table.add_column(name, justify="right", no_wrap=True)
    letters = _name_runs(runs)
    for comparison in comparisons:
        table.add_row(*_format_comparison(comparison, letters))
    return table


def _format_comparison(comparison: PairedComparison, letters: Sequence[str]) -> list[str]:
    digits = 3 if comparison.metric == "mrr" else 1
    counts = f"{comparison.num_first_only}/{comparison.num_second_only}"
    label = METRIC_LABELS[comparison.metric]
    return [
        " ".join(filter(None, (comparison.task, comparison.policy, label))),
        f"{letters[comparison.first]}-{letters[comparison.second]}",
        *(f"{value:.{digits}f}" for value in comparison.values),
        f"{comparison.difference:+.{digits}f}",
        f"{comparison.low:+.{digits}f} {comparison.high:+.{digits}f}",
        DASH if comparison.num_first_only is None else counts,
        f"{comparison.p:.2g}",
        f"{comparison.corrected_p:.2g}",
        _format_detectable(comparison, digits),
        f"{comparison.num_queries}/{comparison.num_clusters}",
    ]


def _format_detectable(comparison: PairedComparison, digits: int) -> str:
    largest = 1.0 if comparison.metric == "mrr" else 100.0
    value = comparison.minimum_detectable
    if isnan(value):
        return DASH
    return f"> {largest:g}" if value > largest else f"{value:.{digits}f}"


def _name_runs(runs: Sequence[LoadedRun]) -> list[str]:
    indices = range(len(runs))
    return [chr(ord("A") + index) if index < 26 else f"R{index + 1}" for index in indices]


def _format_value(value: Any) -> str:
    if value is None:
        return DASH
    return value if isinstance(value, str) else json.dumps(value)


def _make_table(title: str) -> Table:
    from rich import box
    from rich.table import Table

    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
