"""Invented records of runs, whose numbers are known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from egoexobench.evaluation.results import Metric
from egoexobench.records.audit import (
    Audit,
    EmbeddingShift,
    InvarianceCheck,
    ModalitySwap,
    save_audit,
)
from egoexobench.records.schema import (
    CheckpointSelection,
    ClipCounts,
    DatasetRecord,
    DeclaredInputs,
    DistributionRecord,
    Environment,
    GitState,
    MethodRecord,
    QueryRank,
    Record,
    ReferenceScores,
    ScoreRecord,
)
from egoexobench.records.store import make_record_id, read_record

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OURS = DistributionRecord(name="egoexobench", version="0.1.0")


def make_score(
    task: str = "eg2ex",
    policy: str | None = "gallery",
    top1: float = 50.0,
    *,
    n: int = 256,
    fingerprint: str | None = None,
    **track: Any,
) -> ScoreRecord:
    """One score with an interval of five points to each side."""
    named = fingerprint or f"{task}{policy or ''}".ljust(16, "0")
    metrics = {"hit_rate_at_1": Metric(top1, low=top1 - 5, high=top1 + 5, chance=100 / n)}
    if task == "action":
        metrics["map"] = Metric(top1, low=top1 - 5, high=top1 + 5, chance=100 / n)
    if task not in ("scene", "action"):
        metrics["median_rank"] = Metric(2.5, chance=n / 2, unit="rank")
        metrics["mrr"] = Metric(0.5, chance=0.02, unit="1")
    return ScoreRecord(
        task=task,
        policy=policy,
        split="test",
        track={"task": task, "policy": policy, "version": 1, **track},
        track_fingerprint=named,
        tie_rule="expected",
        num_queries=n,
        num_clusters=n,
        candidate_range=(20, 20) if policy == "mcq20" else (n, n),
        metrics=metrics,
    )


def make_record(
    method: str = "soundbridge",
    seed: int = 0,
    scores: tuple[ScoreRecord, ...] = (),
    *,
    video: tuple[str, ...] = ("video", "audio"),
    overrides: dict[str, str] | None = None,
    dataset: str = "synthetic:size=standard",
    later: int = 0,
    **changed: Any,
) -> Record:
    """A record of a complete run; ``later`` is in seconds."""
    scores = scores or (make_score(),)
    perfect = tuple(
        item.model_copy(update={"metrics": {name: replace(metric, value=100.0)}})
        for item in scores
        for name, metric in [next(iter(item.metrics.items()))]
    )
    created = START + timedelta(seconds=later)
    fingerprints = (method, str(overrides), dataset)
    fields: dict[str, Any] = {
        "id": make_record_id(created, seed, *fingerprints),
        "created": created,
        "command": ("egoexobench", "run", "--method", method),
        "status": "complete",
        "method": MethodRecord(
            name=method.partition(":")[0],
            spec=method,
            overrides=overrides or {},
            scale="compact",
            parts=(),
            declared_inputs=DeclaredInputs(video=video, text=("narration", "sound_caption")),
            fingerprint=f"method {method} {overrides}",
            distribution=OURS,
        ),
        "seed": seed,
        "dataset": DatasetRecord(
            name=dataset.partition(":")[0],
            spec=dataset,
            fingerprint=f"data {dataset}",
            distribution=OURS,
        ),
        "checkpoint_selection": CheckpointSelection(
            split="val", validation_metric="gallery top1", epoch=3, validation_value=40.0
        ),
        "counts": ClipCounts(
            num_clips={"test": 512},
            num_pairs={"test": 256},
            num_queries={"eg2ex": 256},
            num_silent=0,
            num_without_track=0,
            num_failed=0,
            num_skipped=0,
            missing_audio="error",
        ),
        "scores": scores,
        "references": (ReferenceScores(name="oracle", scores=perfect),),
        "environment": Environment(
            python="3.11.7",
            platform="Linux x86_64 glibc 2.36",
            num_cpus=2,
            packages={"egoexobench": "0.1.0", "torch": "2.13.0"},
        ),
        "git": GitState(commit="0123456789abcdef" * 2 + "01234567", dirty=False),
        "seconds": {"train": 1.5},
    }
    return Record(**(fields | changed))


def make_ego_ranks(num_right: int, num_queries: int = 20) -> list[QueryRank]:
    """Ranks of ego-to-exo queries among 20 candidates: the first are right, the others third."""
    return [
        QueryRank(
            task="eg2ex",
            policy="gallery",
            source=f"q{index}/ego",
            positives=(f"q{index}/exo",),
            optimistic=1 if index < num_right else 3,
            pessimistic=1 if index < num_right else 3,
            num_candidates=20,
            top1_probability=float(index < num_right),
            cluster=f"take {index}",
        )
        for index in range(num_queries)
    ]


SHIFT = EmbeddingShift(num_items=4, num_moved=4, max=0.5, median=0.5)


def write_audit(path: Path, *, passed: bool = True, seed: int = 0, **changed: object) -> Path:
    """An audit of the method of a record, in the folder below which all records lie."""
    record = read_record(path)
    audit = Audit(
        method=record.method.model_copy(update=changed),
        dataset=record.dataset,
        seed=seed,
        swaps=(
            ModalitySwap(
                embedding="video",
                modality="video",
                declared=True,
                num_changed=4,
                shift=SHIFT,
                verdict="used",
            ),
        ),
        shifts=(),
        invariances=(
            InvarianceCheck(change="ids", embedding="video", shift=SHIFT, verdict="invariant"),
        ),
        accesses=() if passed else ("opens a.mp4",),
        passed=passed,
    )
    return save_audit(audit, path.parents[2])
