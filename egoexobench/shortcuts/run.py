"""Scores the shortcuts of a data set once, and caches the scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter

from egoexobench import files
from egoexobench.checksum import DamagedFileError, read_intact, read_json, write_json
from egoexobench.data.unfair_queries import format_unfair_note, list_unfair_queries
from egoexobench.errors import DataError, notify
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.features.media_hash import hash_media_files
from egoexobench.hashing import hash_json
from egoexobench.layers import hash_layers
from egoexobench.libraries import SCORING_LIBRARIES, find_versions
from egoexobench.machine_errors import skip_if_unwritable
from egoexobench.protocols import Dataset, Progress
from egoexobench.records.describe import describe_dataset
from egoexobench.records.shortcut_report import ShortcutReport, ShortcutScores
from egoexobench.registry import Registry
from egoexobench.shortcuts.data import ShortcutData
from egoexobench.shortcuts.recognition import score_recognition_shortcuts
from egoexobench.shortcuts.retrieval import score_references, score_retrieval_shortcuts
from egoexobench.shortcuts.track_queries import iter_track_queries
from egoexobench.spec import Spec
from egoexobench.types import (
    CROSS_VIEW_TASKS,
    RECOGNITION_TASKS,
    RETRIEVAL_TASKS,
    SPLITS,
    TEXT_TASKS,
    Task,
)

_STORED_ROWS = TypeAdapter(tuple[str, tuple[ShortcutScores, ...]])
"""Identity of the scores, which is the name of their file, and the scores."""


def score_dataset_shortcuts(
    spec: Spec, seed: int, registry: Registry, progress: Progress
) -> ShortcutReport:
    """Return the scores of shortcuts on every retrieval track of a data set's test split.

    Args:
        spec: name and options of the data set.
        seed: of the confidence intervals.
        registry: creates the data set.
        progress: shows the stages.

    Raises:
        UsageError: for a name or an option that is not valid.
        DataError: for a file, a row or a clip that cannot be used, or if there are no queries.
    """
    dataset: Dataset = registry.create("dataset", spec)
    dataset.prepare(progress)
    data = ShortcutData(
        dataset=dataset,
        record=describe_dataset(spec, registry, dataset),
        clips={split: dataset.clips(split) for split in SPLITS},
        pairs={split: dataset.pairs(split) for split in SPLITS},
    )
    tracks = list(iter_track_queries(dataset, data.record.name))
    if not tracks:
        raise DataError(f"{data.record.spec} asks no question in its split {TEST_SPLIT!r}")
    if unfair := list_unfair_queries(dataset, [TEST_SPLIT], RETRIEVAL_TASKS):
        notify(format_unfair_note(unfair))
    shortcuts = score_retrieval_shortcuts(data, tracks, progress)
    return ShortcutReport(
        dataset=data.record,
        seed=seed,
        num_without_audio=shortcuts.num_without_audio,
        rows=(*score_references(tracks, dataset, seed), *shortcuts.rows),
        unavailable=dict(shortcuts.unavailable),
    )


def score_shortcuts(
    data: ShortcutData, tasks: Sequence[Task], progress: Progress
) -> list[ShortcutScores]:
    """Return the scores of shortcuts on some tasks; they are computed once for the same clips.

    Runs of methods with and without texts share the scores of the tasks between the views.
    """
    rows: list[ShortcutScores] = []
    for group in (CROSS_VIEW_TASKS, TEXT_TASKS):
        if not set(tasks).isdisjoint(group) and data.dataset.pairs(TEST_SPLIT):
            path = _get_cache_path(data, " ".join(group))
            rows += _load_or_score(path, partial(_score_retrieval, data, group, progress))
    recognition = [task for task in RECOGNITION_TASKS if task in tasks]
    if recognition:
        path = _get_cache_path(data, " ".join(recognition))
        rows += _load_or_score(
            path, lambda: score_recognition_shortcuts(data, recognition, progress)
        )
    return rows


def _score_retrieval(
    data: ShortcutData, tasks: Sequence[Task], progress: Progress
) -> Sequence[ShortcutScores]:
    tracks = list(iter_track_queries(data.dataset, data.record.name, tasks))
    result = score_retrieval_shortcuts(data, tracks, progress)
    for name, reason in list(result.unavailable.items())[:1]:
        notify(
            f"{len(result.unavailable)} scores of shortcuts are left out, the first is {name}: "
            f"{reason}"
        )
    return result.rows


def _load_or_score(
    path: Path, score: Callable[[], Sequence[ShortcutScores]]
) -> Sequence[ShortcutScores]:
    stored = read_intact(_read_rows, path, "the shortcuts are scored again")
    if stored is not None:
        return stored
    rows = tuple(score())
    with skip_if_unwritable():
        write_json(path, _STORED_ROWS.dump_json((path.stem, rows)).decode())
    return rows


def _read_rows(path: Path) -> Sequence[ShortcutScores]:
    identity, rows = _STORED_ROWS.validate_json(read_json(path))
    if identity != path.stem:
        raise DamagedFileError(path, "it has the scores of another data set, code or task")
    return rows


def _get_cache_path(data: ShortcutData, tasks: str) -> Path:
    """File of the scores; its name is a hash of everything that decides them."""
    media = {clip.media for split in SPLITS for clip in data.clips[split]}
    contents = hash_media_files(media, files.cache_dir() / "tokens", skip_failures=True).hashes
    clips = [
        sorted((clip.id, contents.get(clip.media, "")) for clip in data.clips[split])
        for split in SPLITS
    ]
    record, code = data.record, hash_layers(up_to="shortcuts")
    versions = find_versions(SCORING_LIBRARIES)
    identity = hash_json([record.fingerprint, record.name, tasks, clips, code, versions])
    return files.cache_dir() / "shortcuts" / f"{identity}.json"
