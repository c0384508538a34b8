"""`egoexobench compare`."""

from __future__ import annotations

import json
from dataclasses import asdict
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from egoexobench.types import TASKS, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from egoexobench.comparison import FieldDifference, LoadedRun, PairedComparison

WIDTH = 126
"""Columns that the table needs; a pipe is taken to have them."""
METRICS = ("top1", "top5", "top10", "mrr")
NOTE = (
    "Difference of the first over the second on the same queries, with the 95 % interval of the "
    "bootstrap over clusters.\n"
    "p: McNemar's exact test where the first answer is right or wrong and every query is a cluster "
    "of its own,\notherwise signs flipped by cluster. Holm: p corrected for all {tests} tests of "
    "this table. Detectable: the smallest\ndifference that a test at 5 % would have found 80 % of "
    "the time."
)


@click.command("compare")
@click.argument("records", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--task", "tasks", type=click.Choice([*TASKS, "all"]), multiple=True, help="[all]")
@click.option(
    "--metric",
    "metrics",
    type=click.Choice(METRICS),
    multiple=True,
    default=("top1", "mrr"),
    show_default=True,
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
def command(
    records: tuple[Path, ...],
    tasks: tuple[str, ...],
    metrics: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> None:
    """Say in what records differ, then by how much their scores do, and how sure that is.

    RECORDS are two or more records of runs. Scores of different tracks are not compared. Choose
    tasks and metrics before looking: every test that is made counts in the correction.
    """
    from egoexobench.comparison import compare_runs, differing_fields, load_runs

    runs = load_runs(records)
    differences = differing_fields(runs)
    chosen: tuple[Task, ...] = (
        TASKS if not tasks or "all" in tasks else tuple(t for t in TASKS if t in tasks)
    )
    found = compare_runs(runs, tasks=chosen, names=metrics, seed=seed)
    if as_json:
        click.echo(_json(runs, differences, found))
        return
    from rich.console import Console

    console = Console()
    console.width = max(console.width, WIDTH)
    for letter, run in zip(_letters(runs), runs, strict=True):
        console.print(f"{letter}  {run.path}", highlight=False, soft_wrap=True)
    console.print(_provenance(runs, differences))
    console.print(_scores(runs, found))
    console.print(NOTE.format(tests=len(found)), highlight=False, soft_wrap=True)


def _json(
    runs: Sequence[LoadedRun],
    differences: Sequence[FieldDifference],
    found: Sequence[PairedComparison],
) -> str:
    told = {
        "records": [run.record.id for run in runs],
        "differences": [asdict(one) for one in differences],
        "comparisons": [
            {
                name: None if isinstance(value, float) and isnan(value) else value
                for name, value in asdict(one).items()
            }
            for one in found
        ],
    }
    return json.dumps(told, indent=2, ensure_ascii=False)


def _provenance(runs: Sequence[LoadedRun], differences: Sequence[FieldDifference]) -> Table:
    made = _table("What the records differ in")
    made.add_column("field", no_wrap=True)
    for letter in _letters(runs):
        made.add_column(letter, overflow="fold")
    for one in differences:
        made.add_row(one.field, *(_text(value) for value in one.values))
    if not differences:
        made.add_row("nothing", *("" for _ in runs))
    return made


def _scores(runs: Sequence[LoadedRun], found: Sequence[PairedComparison]) -> Table:
    made = _table("On the same queries")
    for name in ("track", "runs"):
        made.add_column(name, no_wrap=True)
    for name in ("1st", "2nd", "difference", "95 %", "only 1st/2nd", "p", "Holm"):
        made.add_column(name, justify="right", no_wrap=True)
    for name in ("detectable", "n/clusters"):
        made.add_column(name, justify="right", no_wrap=True)
    letters = _letters(runs)
    for one in found:
        digits = 3 if one.metric == "mrr" else 1
        made.add_row(
            " ".join(filter(None, (one.task, one.policy, one.metric))),
            f"{letters[one.first]}-{letters[one.second]}",
            *(f"{value:.{digits}f}" for value in one.values),
            f"{one.difference:+.{digits}f}",
            f"{one.low:+.{digits}f} {one.high:+.{digits}f}",
            "–" if one.gained is None else f"{one.gained}/{one.lost}",
            f"{one.p:.2g}",
            f"{one.corrected:.2g}",
            _detectable(one, digits),
            f"{one.n}/{one.clusters}",
        )
    return made


def _detectable(one: PairedComparison, digits: int) -> str:
    most = 1.0 if one.metric == "mrr" else 100.0
    if isnan(one.detectable):
        return "–"
    return f"> {most:g}" if one.detectable > most else f"{one.detectable:.{digits}f}"


def _letters(runs: Sequence[LoadedRun]) -> list[str]:
    return [chr(ord("A") + at) if at < 26 else f"R{at + 1}" for at in range(len(runs))]


def _text(value: Any) -> str:
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value)


def _table(title: str) -> Table:
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
