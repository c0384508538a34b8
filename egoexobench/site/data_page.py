"""The pages of data sets: what records say of them, and what was seen of their clips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from egoexobench.records.store import make_slug
from egoexobench.site.data_report import list_examples, make_report_tables
from egoexobench.site.page import Page
from egoexobench.types import SPLITS

if TYPE_CHECKING:
    from egoexobench.records.schema import Record
    from egoexobench.site.inputs import SiteInputs, SiteRun
    from egoexobench.site.opened_dataset import OpenedDataset

INDEX_PATH = "data/index.html"


@dataclass(frozen=True, slots=True)
class ShownDataset:
    """A data set of the site: the runs that were scored on it, or its files, or both."""

    spec: str
    fingerprint: str
    path: str
    runs: tuple[SiteRun, ...]
    opened: OpenedDataset | None

    @property
    def record(self) -> Record | None:
        """The record with most clips."""
        records = [run.record for run in self.runs]
        return max(records, key=lambda item: sum(item.counts.num_clips.values()), default=None)


def make_data_pages(inputs: SiteInputs) -> list[Page]:
    """Return a page for each data set, and the list of them."""
    datasets = _collect_datasets(inputs)
    if not datasets:
        return []
    pages = [
        Page(
            path=dataset.path,
            title=f"Data set {dataset.spec}",
            template="data.html",
            values={
                "dataset": dataset,
                "record": dataset.record,
                "splits": SPLITS,
                "report": dataset.opened and make_report_tables(dataset.opened.report),
                "license": dataset.opened and dataset.opened.report.license,
                "examples": list_examples(dataset.opened) if dataset.opened else [],
                "overlaps": _list_overlaps(dataset),
            },
        )
        for dataset in datasets
    ]
    return [Page(INDEX_PATH, "Data sets", "datasets.html", {"datasets": datasets}), *pages]


def _collect_datasets(inputs: SiteInputs) -> list[ShownDataset]:
    opened = {dataset.fingerprint: dataset for dataset in inputs.datasets}
    runs: dict[str, list[SiteRun]] = {fingerprint: [] for fingerprint in opened}
    for run in inputs.runs:
        runs.setdefault(run.record.dataset.fingerprint, []).append(run)
    datasets: dict[str, ShownDataset] = {}
    for fingerprint, group in runs.items():
        spec = group[0].record.dataset.spec if group else opened[fingerprint].spec
        path = f"data/{make_slug(spec)}.html"
        if path in datasets or path == INDEX_PATH:
            path = f"data/{make_slug(f'{spec} {fingerprint}')}.html"
        datasets[path] = ShownDataset(
            spec, fingerprint, path=path, runs=tuple(group), opened=opened.get(fingerprint)
        )
    return sorted(datasets.values(), key=lambda dataset: dataset.path)


def _list_overlaps(dataset: ShownDataset) -> list[tuple[str, int, int | None, int, int]]:
    """Return a row for each split: how many test clips stand in it, by content, take and text."""
    if dataset.opened:
        return [
            (item.name, item.num_content, item.num_takes, item.num_narrations, item.num_clips)
            for item in dataset.opened.report.overlaps
        ]
    overlap = dataset.record.overlap if dataset.record else None
    if overlap is None:
        return []
    return [
        (
            f"split {item.split}"
            if item.dataset == "scored"
            else f"split {item.split} of the training data",
            item.num_content,
            item.num_takes,
            item.num_narrations,
            overlap.num_clips,
        )
        for item in overlap.splits
    ]
