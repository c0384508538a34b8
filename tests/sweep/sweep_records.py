"""Cells, and records as their runs would write them, made up so that every number is known."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from egoexobench.records.schema import (
    ClipCounts,
    DatasetRecord,
    DeclaredInputs,
    Environment,
    MethodRecord,
    Metric,
    QueryRank,
    Record,
    ScoreRecord,
)
from egoexobench.records.store import make_record_id, write_record
from egoexobench.sweep.plan import CellFingerprint, SweepCell

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def cell(method: str = "one", seed: int = 0, data: str = "films", **changed) -> SweepCell:
    """A cell whose fingerprints are the words that name it."""
    taught = changed.pop("taught", data)
    fields = {
        "method": method,
        "settings": (),
        "scale": "compact",
        "dataset": data,
        "train_on": None if taught == data else taught,
        "identity": CellFingerprint(f"recipe of {method}", data, taught, seed, "error"),
        "tasks": ("eg2ex",),
        "shares": frozenset({data, taught}),
        "parts": 3,
        "optional": False,
    }
    return SweepCell(**(fields | changed))


def record(
    of: SweepCell,
    hits: Sequence[float],
    tasks: Sequence[str] = ("eg2ex",),
    *,
    track: str = "",
    later: int = 0,
    asked: Sequence[str] = (),
) -> tuple[Record, list[QueryRank]]:
    """The record of a run of a cell: the same answers to every task, each query its own cluster."""
    created = START + timedelta(seconds=later)
    ranks = [
        QueryRank(
            task=task,
            policy=None if task in ("scene", "action") else "mcq20",
            source=f"q{at}",
            answers=(f"a{at}",),
            optimistic=1 if hit else 2,
            pessimistic=1 if hit else 2,
            candidates=20,
            hit=float(hit),
            cluster=f"take {at}",
        )
        for task in tasks
        for at, hit in enumerate(hits)
    ]
    top = Metric(name="top1", value=100 * sum(hits) / len(hits), chance=5.0, unit="%")
    scores = tuple(
        ScoreRecord(
            task=task,
            policy=None if task in ("scene", "action") else "mcq20",
            split="test",
            track={"task": task, "version": track or "1"},
            track_fingerprint=f"{task} {track}".ljust(8, "0"),
            tie_rule="expected",
            n=len(hits),
            clusters=len(hits),
            candidates=(20, 20),
            metrics=(top,),
        )
        for task in tasks
    )
    key = of.identity
    made = Record(
        id=make_record_id(created, key.seed, *map(str, key), *tasks),
        created=created,
        command=tuple(word for task in asked for word in ("--task", task)),
        status="complete",
        method=MethodRecord(
            name=of.method,
            spec=of.method,
            scale="compact",
            parts=(),
            evidence=DeclaredInputs(video=("video",), text=()),
            fingerprint=key.recipe,
        ),
        seed=key.seed,
        dataset=DatasetRecord(name="films", spec=of.dataset, fingerprint=key.data),
        trained_on=(
            DatasetRecord(name="films", spec=key.taught, fingerprint=key.taught)
            if key.taught != key.data
            else None
        ),
        counts=ClipCounts(
            clips={}, pairs={}, queries={}, silent=0, without_track=0, failed=0, dropped=0,
            missing_audio="error",
        ),
        scores=scores,
        environment=Environment(python="3.11", platform="Linux", cpus=2, packages={}),
        seconds={},
    )  # fmt: skip
    return made, ranks


def keep(out: Path, of: SweepCell, hits: Sequence[float], *args, **keywords) -> Path:
    """Write such a record; returns where it lies."""
    return write_record(*record(of, hits, *args, **keywords), out)
