"""The index of runs, and a page for each run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.results.run_table import format_run_title
from egoexobench.site.page import Page

if TYPE_CHECKING:
    from egoexobench.site.inputs import SiteInputs, SiteRun


def make_run_pages(inputs: SiteInputs) -> list[Page]:
    """Return the index of runs and the page of each one; nothing without runs."""
    if not inputs.runs:
        return []
    index = Page("runs/index.html", "Runs", "runs.html", {"runs": inputs.runs})
    return [index, *(_make_run_page(run) for run in inputs.runs)]


def _make_run_page(run: SiteRun) -> Page:
    record = run.record
    title = format_run_title(record.method, record.dataset, record.seed)
    return Page(run.page_path, title, "run.html", {"record": record})
