"""From a table to the runs that it needs: row by data set by seed, each with its fingerprint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from egoexobench.errors import UsageError
from egoexobench.experiment import build
from egoexobench.experiment.describe import describe_parts
from egoexobench.method import Method, apply_overrides
from egoexobench.records.describe import hash_part_source
from egoexobench.spec import Spec
from egoexobench.sweep.media import MediaContent
from egoexobench.sweep.schema import ColumnGroup, MethodRow, SweepSpec, get_group_tasks
from egoexobench.types import TASKS, Task

if TYPE_CHECKING:
    from egoexobench.protocols import Dataset
    from egoexobench.records.schema import MissingAudio, PartRecord
    from egoexobench.registry import Registry

CellKey = tuple[str, str]
"""Keys of a row and of a group."""


@dataclass(frozen=True, slots=True)
class SweepOverrides:
    """The options of the command line that replace values of a sweep."""

    seeds: tuple[int, ...] | None = None
    dataset: str | None = None
    train_on: str | None = None
    missing_audio: MissingAudio = "error"


class CellFingerprint(NamedTuple):
    """Two runs with the same fingerprint are the same: method, data scored, training data, ..."""

    method: str
    dataset: str
    training_dataset: str
    seed: int
    missing_audio: str


class RunKey(NamedTuple):
    """Tells the runs of a sweep apart: two data sets of equal tables may have other media."""

    fingerprint: CellFingerprint
    dataset: str
    train_on: str | None


class CellMedia(NamedTuple):
    """The media of the data that a cell scores, and of the data that it trains on."""

    dataset: MediaContent
    training_dataset: MediaContent


@dataclass(frozen=True, slots=True)
class SweepCell:
    """One run."""

    method: str
    overrides: tuple[tuple[str, str], ...]
    scale: str
    dataset: str
    train_on: str | None
    fingerprint: CellFingerprint
    tasks: tuple[Task, ...]
    cache_keys: frozenset[str]
    """What it reads from the cache or adds to it: media and tokens of its data, captions."""
    num_parts: int
    """Number of parts of the method."""
    optional: bool
    """This machine may lack what the run needs."""
    parts: tuple[PartRecord, ...] | None = None
    """The parts as the record of a run today has them; None: any record of the cell is current."""
    dataset_source: str | None = None
    """Hash of the code of the data set."""
    media: CellMedia | None = None
    """None: media are not compared."""

    @property
    def run_key(self) -> RunKey:
        """What no other cell of a sweep has."""
        return RunKey(self.fingerprint, self.dataset, self.train_on)


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """A sweep with its overrides applied, its cells, and why other cells are unavailable."""

    sweep: SweepSpec
    cells: Mapping[CellKey, tuple[SweepCell, ...]]
    unavailable: Mapping[CellKey, str]


def expand_sweep(sweep: SweepSpec, overrides: SweepOverrides, registry: Registry) -> SweepPlan:
    """Return every cell of a sweep; a method that is not trained has one seed.

    Raises:
        UsageError: for an unknown part or option, except in a row with ``needs``.
        DataError: for a data set that is not valid.
    """
    sweep = _apply_sweep_overrides(sweep, overrides)
    datasets = _create_datasets(sweep, registry)
    cells: dict[CellKey, tuple[SweepCell, ...]] = {}
    unavailable: dict[CellKey, str] = {}
    for row, group in _iter_row_groups(sweep):
        key = row.key, group.key
        if row.transfer and not group.train_on:
            unavailable[key] = "no training set is named; name one with --train-on"
            continue
        if row.needs and _has_random_weights(row, registry):
            unavailable[key] = f'give its files, as in method = "{row.method}:weights=FILE"'
            continue
        try:
            cells[key] = tuple(
                _make_cells(
                    row,
                    group,
                    seeds=sweep.seeds,
                    missing_audio=overrides.missing_audio,
                    registry=registry,
                    datasets=datasets,
                )
            )
        except UsageError as error:
            if not row.needs:
                raise
            unavailable[key] = str(error)
    return SweepPlan(sweep, cells, unavailable)


def deduplicate_cells(plans: Iterable[SweepPlan]) -> list[SweepCell]:
    """Return each cell of some plans once, with every task that any of them has."""
    unique: dict[RunKey, SweepCell] = {}
    for cell in (cell for plan in plans for cells in plan.cells.values() for cell in cells):
        first = unique.setdefault(cell.run_key, cell)
        tasks = tuple(task for task in TASKS if task in {*first.tasks, *cell.tasks})
        optional = first.optional and cell.optional
        unique[cell.run_key] = replace(first, tasks=tasks, optional=optional)
    return list(unique.values())


def _apply_sweep_overrides(sweep: SweepSpec, overrides: SweepOverrides) -> SweepSpec:
    """Another data set replaces that of the first group; groups of other data are dropped."""
    update: dict[str, object] = {"seeds": overrides.seeds} if overrides.seeds else {}
    train_on = overrides.train_on
    if dataset := overrides.dataset:
        first = sweep.groups[0].dataset
        replaced = {"dataset": dataset, "label": dataset, "train_on": train_on}
        groups = tuple(g.model_copy(update=replaced) for g in sweep.groups if g.dataset == first)
        keys = {group.key for group in groups}
        update["groups"] = groups
        update["predict"] = tuple(item for item in sweep.predict if item.group in keys)
    elif train_on:
        groups = tuple(group.model_copy(update={"train_on": train_on}) for group in sweep.groups)
        update["groups"] = groups
    return sweep.model_copy(update=update)


def _iter_row_groups(sweep: SweepSpec) -> Iterator[tuple[MethodRow, ColumnGroup]]:
    for row in sweep.rows:
        for group in sweep.groups:
            if row.groups is None or group.key in row.groups:
                yield row, group


class _CellDataset(NamedTuple):
    """What a cell needs of a data set, which is created once for all cells."""

    fingerprint: str
    media: MediaContent


def _create_datasets(sweep: SweepSpec, registry: Registry) -> dict[str, _CellDataset]:
    """The data sets of a sweep by spec."""
    datasets: dict[str, _CellDataset] = {}
    for row, group in _iter_row_groups(sweep):
        for spec in (group.dataset, group.train_on if row.transfer else None):
            if spec and spec not in datasets:
                dataset: Dataset = registry.create("dataset", spec)
                datasets[spec] = _CellDataset(dataset.fingerprint, MediaContent(dataset))
    return datasets


def _make_cells(
    row: MethodRow,
    group: ColumnGroup,
    *,
    seeds: tuple[int, ...],
    missing_audio: str,
    registry: Registry,
    datasets: Mapping[str, _CellDataset],
) -> Iterator[SweepCell]:
    method: Method = registry.create("method", row.method, row.scale)
    method = apply_overrides(method, row.overrides)
    train_on = group.train_on if row.transfer else None
    dataset, training = datasets[group.dataset], datasets[train_on or group.dataset]
    parts = describe_parts(build.resolve_method(registry, method, 0))
    dataset_part = registry.get_factory("dataset", Spec.parse(group.dataset).name)
    for seed in seeds if method.objective else seeds[:1]:
        resolved = build.resolve_method(registry, method, seed)
        yield SweepCell(
            method=row.method,
            overrides=tuple(sorted(row.overrides.items())),
            scale=row.scale,
            dataset=group.dataset,
            train_on=train_on,
            fingerprint=CellFingerprint(
                method=resolved.hash_recipe(),
                dataset=dataset.fingerprint,
                training_dataset=training.fingerprint,
                seed=seed,
                missing_audio=missing_audio,
            ),
            tasks=get_group_tasks(group),
            cache_keys=_collect_cache_keys(method, dataset.fingerprint, training.fingerprint),
            num_parts=len(resolved.parts),
            optional=row.needs is not None,
            parts=parts,
            dataset_source=hash_part_source(dataset_part),
            media=CellMedia(dataset.media, training.media),
        )


def _has_random_weights(row: MethodRow, registry: Registry) -> bool:
    """Whether a row's method has options for files of weights and the row sets none of them."""
    try:
        _, options = registry.resolve("method", row.method)
    except UsageError:
        return False  # the error is reported where the cells are made
    files = [value for name, value in options.items() if name.endswith("weights")]
    return bool(files) and row.scale == "paper" and not any(files)


def _collect_cache_keys(method: Method, *fingerprints: str) -> frozenset[str]:
    captions = {f"{method.captioner} of {item}" for item in fingerprints if method.captioner}
    return frozenset(fingerprints) | captions
