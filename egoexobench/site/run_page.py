"""The page of a run: its scores, curves, classes, and where all of it comes from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from egoexobench.citations import format_bibtex
from egoexobench.errors import DataError
from egoexobench.records.field_types import strip_absolute_paths
from egoexobench.results.run_table import format_run_title
from egoexobench.site.class_summary import summarize_classes
from egoexobench.site.label_breakdown import break_down_by_label
from egoexobench.site.line_drawing import LineDrawing, draw_epochs
from egoexobench.site.page import Page
from egoexobench.site.rank_summary import build_rank_histograms
from egoexobench.site.run_facts import (
    describe_evidence,
    describe_part_record,
    format_command,
    list_input_facts,
    list_provenance,
    list_stage_times,
)
from egoexobench.site.score_lines import list_score_lines, list_subset_lines

if TYPE_CHECKING:
    from egoexobench.records.schema import CheckpointSelection, EpochRecord, Record
    from egoexobench.site.inputs import SiteInputs, SiteRun

_Value = TypeVar("_Value")


def make_run_pages(inputs: SiteInputs) -> list[Page]:
    """Return a page for each run."""
    return [_make_run_page(run, inputs) for run in inputs.runs]


def _make_run_page(run: SiteRun, inputs: SiteInputs) -> Page:
    record, problems = run.record, [run.top_fault] if run.top_fault else []
    values: dict[str, Any] = {
        "run": run,
        "record": record,
        "evidence": describe_evidence(record),
        "verification": inputs.find_verification(run),
        "score_lines": list_score_lines(record),
        "subset_lines": list_subset_lines(record),
        "training": _draw_training(record),
        "rank_histograms": build_rank_histograms(run.ranks),
        "class_summaries": _read_or_report(
            lambda: summarize_classes(run.path, record, run.ranks), problems
        ),
        "breakdowns": _read_or_report(
            lambda: break_down_by_label(run.path, record, run.ranks), problems
        ),
        "stage_times": list_stage_times(record),
        "command": format_command(record),
        "inputs": list_input_facts(record),
        "provenance": list_provenance(record),
        "parts": [describe_part_record(part) for part in record.method.parts],
        "bibtex": format_bibtex(
            [
                f"method:{record.method.name}",
                f"dataset:{record.dataset.name}",
                *(f"{part.kind}:{part.name}" for part in record.method.parts),
            ]
        ),
        "problems": problems,
    }
    title = format_run_title(record.method, record.dataset, record.seed)
    return Page(run.page_path, title, "run.html", values)


def _read_or_report(read: Callable[[], list[_Value]], problems: list[str]) -> list[_Value]:
    """Return what a file beside a record holds; nothing and a problem if it is wrong."""
    try:
        return read()
    except DataError as error:
        problems.append(strip_absolute_paths(str(error)))
        return []


def _draw_training(record: Record) -> list[LineDrawing]:
    """The curves of the training, and those of the training of a scorer."""
    curves = _draw_stage("", record.epochs, record.checkpoint_selection)
    if scorer := record.scorer_training:
        curves += _draw_stage(" of the scorer", scorer.epochs, scorer.checkpoint_selection)
    return curves


def _draw_stage(
    suffix: str, epochs: Sequence[EpochRecord], selection: CheckpointSelection | None
) -> list[LineDrawing]:
    if not epochs:
        return []
    best = selection.epoch if selection else None
    name = f"{selection.validation_metric}, {selection.split}" if selection else "validation"
    return [
        draw_epochs(f"Loss{suffix}", [epoch.loss for epoch in epochs], best),
        draw_epochs(f"{name}{suffix}", [epoch.validation_value for epoch in epochs], best),
    ]
