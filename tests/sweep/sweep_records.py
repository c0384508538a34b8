"""Cells and invented records of their runs, whose numbers are known."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from egoexobench.evaluation.results import Metric
from egoexobench.records.schema import (
    ClipCounts,
    DatasetRecord,
    DeclaredInputs,
    Environment,
    MethodRecord,
    QueryRank,
    Record,
    ScoreRecord,
)
from egoexobench.records.store import make_record_id, write_record
from egoexobench.sweep.plan import CellFingerprint, SweepCell

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def make_cell(
    method: str = "one",
    seed: int = 0,
    data: str = "films",
    trained_on: str | None = None,
    **changed,
) -> SweepCell:
    """A cell whose fingerprints are its names."""
    trained_on = trained_on or data
    fields = {
        "method": method,
        "overrides": (),
        "scale": "compact",
        "dataset": data,
        "train_on": None if trained_on == data else trained_on,
        "fingerprint": CellFingerprint(
            f"recipe of {method}",
            data,
            training_dataset=trained_on,
            seed=seed,
            missing_audio="error",
        ),
        "tasks": ("eg2ex",),
        "cache_keys": frozenset({data, trained_on}),
        "num_parts": 3,
        "optional": False,
    }
    return SweepCell(**(fields | changed))


def make_record(
    cell: SweepCell,
    hits: Sequence[float],
    tasks: Sequence[str] = ("eg2ex",),
    *,
    track: str = "",
    later: int = 0,
    requested: Sequence[str] = (),
) -> tuple[Record, list[QueryRank]]:
    """The record of a cell's run, with the same hits in every task and a cluster for each query."""
    created = START + timedelta(seconds=later)
    ranks = [
        QueryRank(
            task=task,
            policy=None if task in ("scene", "action") else "mcq20",
            source=f"q{i}",
            positives=(f"a{i}",),
            optimistic=1 if hit else 2,
            pessimistic=1 if hit else 2,
            num_candidates=20,
            top1_probability=float(hit),
            cluster=f"take {i}",
        )
        for task in tasks
        for i, hit in enumerate(hits)
    ]
    metrics = {"hit_rate_at_1": Metric(100 * sum(hits) / len(hits), chance=5.0)}
    scores = tuple(
        ScoreRecord(
            task=task,
            policy=None if task in ("scene", "action") else "mcq20",
            split="test",
            track={"task": task, "version": track or "1"},
            track_fingerprint=f"{task} {track}".ljust(8, "0"),
            tie_rule="expected",
            num_queries=len(hits),
            num_clusters=len(hits),
            candidate_range=(20, 20),
            metrics=metrics,
        )
        for task in tasks
    )
    key = cell.fingerprint
    record = Record(
        id=make_record_id(created, key.seed, *map(str, key), *tasks),
        created=created,
        command=tuple(word for task in requested for word in ("--task", task)),
        status="complete",
        method=MethodRecord(
            name=cell.method,
            spec=cell.method,
            scale="compact",
            parts=(),
            declared_inputs=DeclaredInputs(video=("video",), text=()),
            fingerprint=key.method,
        ),
        seed=key.seed,
        dataset=DatasetRecord(name="films", spec=cell.dataset, fingerprint=key.dataset),
        trained_on=(
            DatasetRecord(name="films", spec=key.training_dataset, fingerprint=key.training_dataset)
            if key.training_dataset != key.dataset
            else None
        ),
        counts=ClipCounts(
            num_clips={}, num_pairs={}, num_queries={}, num_silent=0, num_without_track=0,
            num_failed=0, num_skipped=0,
            missing_audio="error",
        ),
        scores=scores,
        environment=Environment(python="3.11", platform="Linux", num_cpus=2, packages={}),
        seconds={},
    )  # fmt: skip
    return record, ranks


def write_cell_record(out: Path, cell: SweepCell, hits: Sequence[float], *args, **keywords) -> Path:
    """Write the record of a cell and return its path."""
    return write_record(*make_record(cell, hits, *args, **keywords), out)
