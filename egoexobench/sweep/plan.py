"""From a table to the runs that it needs: row by data set by seed, each with its fingerprints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from egoexobench.errors import UsageError
from egoexobench.experiment import build
from egoexobench.method import Method, override
from egoexobench.sweep.schema import ColumnGroup, MethodRow, SweepSpec, tasks_of
from egoexobench.types import TASKS, Task

if TYPE_CHECKING:
    from egoexobench.protocols import Dataset
    from egoexobench.records.schema import MissingAudio
    from egoexobench.registry import Registry

CellKey = tuple[str, str]
"""Keys of a row and of a group."""


@dataclass(frozen=True, slots=True)
class SweepOverrides:
    """What the command line changes of a sweep."""

    seeds: tuple[int, ...] | None = None
    dataset: str | None = None
    train_on: str | None = None
    missing_audio: MissingAudio = "error"


class CellFingerprint(NamedTuple):
    """What makes two runs one: fingerprints of the recipe, of the data scored and trained on."""

    recipe: str
    data: str
    taught: str
    seed: int
    missing_audio: str


@dataclass(frozen=True, slots=True)
class SweepCell:
    """One run."""

    method: str
    settings: tuple[tuple[str, str], ...]
    scale: str
    dataset: str
    train_on: str | None
    identity: CellFingerprint
    tasks: tuple[Task, ...]
    shares: frozenset[str]
    """What it finds in the cache or makes: films and tokens of its data, and their captions."""
    parts: int
    """How many parts the method has."""
    optional: bool
    """It needs what may not be on this machine."""


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """A sweep with what the command line changed, its cells, and why there are none elsewhere."""

    sweep: SweepSpec
    cells: Mapping[CellKey, tuple[SweepCell, ...]]
    absent: Mapping[CellKey, str]


def expand_sweep(sweep: SweepSpec, asked: SweepOverrides, registry: Registry) -> SweepPlan:
    """Return every cell of a sweep; one seed where nothing is trained.

    Raises:
        UsageError: for a part or an option that there is not, but in a row with ``needs``.
        DataError: for a data set that is not what it must be.
    """
    sweep = _apply_sweep_overrides(sweep, asked)
    prints = _dataset_fingerprints(sweep, registry)
    cells: dict[CellKey, tuple[SweepCell, ...]] = {}
    absent: dict[CellKey, str] = {}
    for row, group in _iter_row_groups(sweep):
        place = row.key, group.key
        if row.transfer and not group.train_on:
            absent[place] = "no data set to train on is named; --train-on names one"
            continue
        if row.needs and _has_random_weights(row, registry):
            absent[place] = f'give its files, as in method = "{row.method}:weights=FILE"'
            continue
        try:
            cells[place] = tuple(_make_cells(row, group, sweep.seeds, asked, registry, prints))
        except UsageError as error:
            if not row.needs:
                raise
            absent[place] = str(error)
    return SweepPlan(sweep, cells, absent)


def deduplicate_cells(plans: Iterable[SweepPlan]) -> list[SweepCell]:
    """Return each cell of some plans once, with every task that any of them asks for."""
    found: dict[CellFingerprint, SweepCell] = {}
    for cell in (cell for plan in plans for cells in plan.cells.values() for cell in cells):
        known = found.setdefault(cell.identity, cell)
        wanted = tuple(task for task in TASKS if task in {*known.tasks, *cell.tasks})
        optional = known.optional and cell.optional
        found[cell.identity] = replace(known, tasks=wanted, optional=optional)
    return list(found.values())


def _apply_sweep_overrides(sweep: SweepSpec, asked: SweepOverrides) -> SweepSpec:
    """Other data replace those of the first group; groups of dials that it has not are left out."""
    changed: dict[str, object] = {"seeds": asked.seeds} if asked.seeds else {}
    if asked.dataset:
        first = sweep.groups[0].dataset
        new = {"dataset": asked.dataset, "label": asked.dataset, "train_on": asked.train_on}
        groups = tuple(g.model_copy(update=new) for g in sweep.groups if g.dataset == first)
        kept = {group.key for group in groups}
        changed["groups"] = groups
        changed["predict"] = tuple(one for one in sweep.predict if one.group in kept)
    elif asked.train_on:
        new = {"train_on": asked.train_on}
        changed["groups"] = tuple(group.model_copy(update=new) for group in sweep.groups)
    return sweep.model_copy(update=changed)


def _iter_row_groups(sweep: SweepSpec) -> Iterator[tuple[MethodRow, ColumnGroup]]:
    for row in sweep.rows:
        for group in sweep.groups:
            if row.groups is None or group.key in row.groups:
                yield row, group


def _dataset_fingerprints(sweep: SweepSpec, registry: Registry) -> dict[str, str]:
    prints: dict[str, str] = {}
    for row, group in _iter_row_groups(sweep):
        for spec in (group.dataset, group.train_on if row.transfer else None):
            if spec and spec not in prints:
                dataset: Dataset = registry.create("dataset", spec)
                prints[spec] = dataset.fingerprint
    return prints


def _make_cells(
    row: MethodRow,
    group: ColumnGroup,
    seeds: tuple[int, ...],
    asked: SweepOverrides,
    registry: Registry,
    prints: Mapping[str, str],
) -> Iterator[SweepCell]:
    method: Method = override(registry.create("method", row.method, row.scale), row.settings)
    train_on = group.train_on if row.transfer else None
    for seed in seeds if method.objective else seeds[:1]:
        kit = build.bind(registry, method, seed)
        data, taught = (prints[spec] for spec in (group.dataset, train_on or group.dataset))
        yield SweepCell(
            method=row.method,
            settings=tuple(sorted(row.settings.items())),
            scale=row.scale,
            dataset=group.dataset,
            train_on=train_on,
            identity=CellFingerprint(kit.recipe, data, taught, seed, asked.missing_audio),
            tasks=tasks_of(group),
            shares=_cache_keys(method, data, taught),
            parts=len(kit.bound),
            optional=row.needs is not None,
        )


def _has_random_weights(row: MethodRow, registry: Registry) -> bool:
    """Whether a row's method takes files of weights and was given none."""
    try:
        _, options = registry.resolve("method", row.method)
    except UsageError:
        return False  # told where its cells are made
    files = [value for name, value in options.items() if name.endswith("weights")]
    return bool(files) and row.scale == "paper" and not any(files)


def _cache_keys(method: Method, *data: str) -> frozenset[str]:
    captions = {f"{method.captioner} of {one}" for one in data if method.captioner}
    return frozenset(data) | captions
