"""Restores the configuration of a run from its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from egoexobench.device import DeviceConfig, Precision
from egoexobench.errors import DataError, UsageError
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.inputs import MissingAudioPolicy
from egoexobench.experiment.subset import NOT_IN_SUBSET
from egoexobench.records.artifacts import EMBEDDINGS_SUFFIX, QUERIES_SUFFIX, find_artifact
from egoexobench.records.schema import Record
from egoexobench.records.store import find_records
from egoexobench.spec import Spec
from egoexobench.types import DEFAULT_NUM_TOP, TASKS, Task

OLD_REASON = "not in the certificate"
"""`NOT_IN_SUBSET` in records of versions up to 0.1."""
REDACTED = ".../"
"""The text that replaces the folders of an absolute path in a record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChanges:
    """What replaces the configuration of a record; None keeps what the record says."""

    method: Spec | None = None
    """The recorded method with other options."""
    dataset: Spec | None = None
    tasks: tuple[Task, ...] | None = None
    scale: str | None = None
    seed: int | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Fields of the method; the other overrides of the record stay."""
    missing_audio: MissingAudioPolicy | None = None
    train_on: Spec | None = None
    allow_missing: bool | None = None
    allow_overlap: bool | None = None
    subset: Path | None = None
    device: str | None = None
    precision: Precision | None = None
    compile: bool | None = None
    micro_batch: int | None = None
    encoder_batch: int | None = None
    num_workers: int | None = None
    keep_embeddings: bool | None = None
    keep_top: int = DEFAULT_NUM_TOP


def find_only_record(path: Path) -> Path:
    """Return the path of a record: the path itself, or the only record below a folder.

    Raises:
        UsageError: if a folder has several records.
        DataError: if it has none.
    """
    if not path.is_dir():
        return path
    paths = find_records(path)
    if not paths:
        raise DataError(f"{path} has no record of a run; `egoexobench run` writes them")
    if len(paths) > 1:
        examples = ", ".join(str(item) for item in paths[-2:])
        raise UsageError(f"{path} has {len(paths)} records; name one of them, such as {examples}")
    return paths[0]


def restore_config(record: Record, changes: ConfigChanges, location: Path) -> RunConfig:
    """Return the configuration of a recorded run, with some changes.

    Args:
        record: of a complete run.
        changes: what replaces the recorded configuration.
        location: file of the record, for messages.

    Raises:
        UsageError: if the record has a shortened path or used a subset file and the changes do not
            have it.
    """
    recorded, settings = record.method, record.settings
    if (source := recorded.external) is not None and source.answerer is not None:
        raise UsageError(
            f"{location} is of answers of {source.answerer.part.name}: `egoexobench answer` asks "
            "again, and `egoexobench verify` recomputes it from the files beside it"
        )
    if source is not None:
        raise UsageError(
            f"{location} is of {source.kind} that were made elsewhere, so that it cannot be run "
            "again; `egoexobench verify` recomputes it from the files beside it"
        )
    trained_on = Spec.parse(record.trained_on.spec) if record.trained_on else None
    config = RunConfig(
        method=changes.method or Spec.parse(recorded.spec),
        dataset=changes.dataset or Spec.parse(record.dataset.spec),
        tasks=changes.tasks or _list_tasks(record),
        scale=changes.scale or recorded.scale,
        seed=record.seed if changes.seed is None else changes.seed,
        overrides={**recorded.overrides, **changes.overrides},
        missing_audio=changes.missing_audio or record.counts.missing_audio,
        train_on=changes.train_on or trained_on,
        allow_missing=changes.allow_missing or _allows_missing(record),
        allow_overlap=changes.allow_overlap or _allows_overlap(record),
        subset=changes.subset or _find_subset_file(record, location),
        device=DeviceConfig(
            changes.device or _choose_device(record),
            changes.precision or _get_precision(record),
            bool(changes.compile or (settings and settings.compile)),
            changes.micro_batch or (settings.micro_batch if settings else None),
            encoder_batch=changes.encoder_batch,
        ),
        num_workers=changes.num_workers,
        keep_embeddings=_choose_embeddings(record, changes),
        keep_top=changes.keep_top,
    )
    _require_full_paths(config, location)
    return config


def _choose_embeddings(record: Record, changes: ConfigChanges) -> bool:
    """A run without embeddings is made again without them; an older record never had any."""
    if changes.keep_embeddings is not None:
        return changes.keep_embeddings
    is_bundle = find_artifact(record, QUERIES_SUFFIX) is not None
    return not is_bundle or find_artifact(record, EMBEDDINGS_SUFFIX) is not None


def _list_tasks(record: Record) -> tuple[Task, ...]:
    """The tasks that were asked for; in an older record, those that have a score."""
    if record.settings:
        return record.settings.tasks
    scored = {score.task for score in record.scores}
    return tuple(task for task in TASKS if task in scored)


def _allows_missing(record: Record) -> bool:
    return record.settings.allow_missing if record.settings else record.coverage is not None


def _allows_overlap(record: Record) -> bool:
    """What the run allowed; older records did not measure the overlap."""
    return record.overlap is None or bool(record.settings and record.settings.allow_overlap)


def _find_subset_file(record: Record, location: Path) -> Path | None:
    text = record.settings.subset if record.settings else None
    if text and REDACTED not in text:
        return Path(text)
    reasons = set(record.coverage.num_excluded) if record.coverage else set()
    if text or reasons & {NOT_IN_SUBSET, OLD_REASON}:
        raise UsageError(
            f"{location} used a subset of the clips; pass the same file with --subset FILE"
        )
    return None


def _require_full_paths(config: RunConfig, location: Path) -> None:
    texts: dict[str, object] = {
        "--dataset": config.dataset,
        "--method": config.method,
        "--train-on": config.train_on,
    }
    texts |= {f"--set {name}=": text for name, text in config.overrides.items()}
    for option, text in texts.items():
        if REDACTED in str(text or ""):
            raise UsageError(
                f"{location} has the path '{text}', which was shortened so that the record can be "
                f"shared; give the whole path with {option}"
            )


def _choose_device(record: Record) -> str:
    """The device of the run if it was the CPU, or else the accelerator of this machine, if any."""
    return "cpu" if record.environment.device == "cpu" else "auto"


def _get_precision(record: Record) -> Precision:
    return next(item for item in get_args(Precision) if item == record.environment.precision)
