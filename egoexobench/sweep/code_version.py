"""Compares the code, the libraries and the media that made a record with those of today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from egoexobench.errors import notify
from egoexobench.identity import list_library_changes
from egoexobench.layers import hash_layers
from egoexobench.libraries import SCORING_LIBRARIES, find_versions

if TYPE_CHECKING:
    from egoexobench.records.schema import PartRecord, Record
    from egoexobench.sweep.plan import SweepCell
    from egoexobench.sweep.record_index import RecordIndex


def list_code_changes(record: Record, cell: SweepCell) -> list[str]:
    """Return what has changed since a record was written, in words; nothing if it is current."""
    changes = _list_media_changes(record, cell)
    if cell.parts is None:
        return changes
    old_parts = {part.role: part for part in record.method.parts}
    changes += [
        f"{part.kind} {part.name!r}"
        for part in cell.parts
        if _get_source(old_parts.get(part.role)) != _get_source(part)
    ]
    if record.dataset.source_hash != cell.dataset_source:
        changes.append(f"data set {record.dataset.name!r}")
    if record.method.toolkit_hash != hash_layers(up_to="experiment"):
        changes.append("code of the toolkit")
    packages = record.environment.packages
    old = {name: packages[name] for name in SCORING_LIBRARIES if name in packages}
    new = find_versions(SCORING_LIBRARIES)
    for part in old_parts.values():
        old |= part.library_versions
    for part in cell.parts:
        new |= part.library_versions
    return changes + list_library_changes(old, new)


def explain_repeated_cells(cells: Iterable[SweepCell], index: RecordIndex) -> None:
    """Say in one line for each method and data set why cells with a record run again."""
    reasons: Counter[tuple[str, str, str]] = Counter()
    for cell in cells:
        changes = [list_code_changes(item.record, cell) for item in index.get(cell.fingerprint, ())]
        if changes and all(changes):
            reasons[cell.method, cell.dataset, ", ".join(changes[0])] += 1
    for (method, dataset, changes_text), count in reasons.items():
        runs = "1 run is" if count == 1 else f"{count} runs are"
        notify(f"{method} on {dataset}: {runs} repeated, because this changed: {changes_text}")


def _list_media_changes(record: Record, cell: SweepCell) -> list[str]:
    """Media of another content than those that were used; where none is here, none is another."""
    if cell.media is None:
        return []
    datasets = {
        cell.media.dataset: record.dataset,
        cell.media.training_dataset: record.trained_on or record.dataset,
    }
    return [
        f"media of {dataset.name!r}"
        for media, dataset in datasets.items()
        if media.hash is not None and media.hash != dataset.media_hash
    ]


def _get_source(part: PartRecord | None) -> tuple[object, ...] | None:
    return (part.name, part.source_hash, part.file_hashes) if part else None
