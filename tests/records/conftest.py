"""A record with every field set."""

from datetime import UTC, datetime

import pytest

from egoexobench.evaluation.results import Metric
from egoexobench.records.schema import (
    CheckpointSelection,
    ClipCounts,
    DatasetRecord,
    DeclaredInputs,
    DistributionRecord,
    Environment,
    GitState,
    MethodRecord,
    PartRecord,
    QueryRank,
    Record,
    ReferenceScores,
    ScoreRecord,
    SubsetScore,
)

OURS = DistributionRecord(name="egoexobench", version="0.1.0")


@pytest.fixture
def rank() -> QueryRank:
    return QueryRank(
        task="eg2ex",
        policy="mcq20",
        source="p1/ego",
        positives=("p1/exo",),
        optimistic=1,
        pessimistic=2,
        num_candidates=20,
        top1_probability=0.5,
        cluster="take-1",
    )


@pytest.fixture
def score() -> ScoreRecord:
    metrics = {"hit_rate_at_1": Metric(50.0, low=40.0, high=60.0, chance=5.0)}
    subset = SubsetScore(
        num_queries=100, num_clusters=40, candidate_range=(20, 20), metrics=metrics
    )
    return ScoreRecord(
        task="eg2ex",
        policy="mcq20",
        split="test",
        track={"task": "eg2ex", "version": 1, "nested": {"similarity": "cosine"}},
        track_fingerprint="0123456789abcdef",
        tie_rule="expected",
        num_queries=200,
        num_clusters=80,
        candidate_range=(20, 20),
        metrics=metrics,
        by_subset={"ego": subset},
    )


@pytest.fixture
def record(score: ScoreRecord) -> Record:
    return Record(
        id="20260102T030405Z-seed3-01234567",
        created=datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
        command=("egoexobench", "run", "--method", "soundbridge:residual=none"),
        status="complete",
        method=MethodRecord(
            name="soundbridge",
            spec="soundbridge:residual=none",
            overrides={"anchor": "narration"},
            scale="compact",
            parts=(
                PartRecord(
                    role="video",
                    kind="encoder",
                    name="cells",
                    options={"grid": 4, "mean": True, "size": (64, 64), "path": None},
                    distribution=OURS,
                ),
            ),
            hyperparameters={"lr": 2e-3, "epochs": 20},
            declared_inputs=DeclaredInputs(
                video=("video", "audio"), text=("narration", "sound_caption")
            ),
            fingerprint="feedfacefeedface",
            distribution=OURS,
        ),
        seed=3,
        dataset=DatasetRecord(name="synthetic", spec="synthetic", fingerprint="beefbeefbeefbeef"),
        checkpoint_selection=CheckpointSelection(
            split="val", validation_metric="gallery MRR", epoch=7, validation_value=44.4
        ),
        counts=ClipCounts(
            num_clips={"train": 8, "val": 2, "test": 4},
            num_pairs={"train": 4, "val": 1, "test": 2},
            num_queries={"eg2ex": 200},
            num_silent=1,
            num_without_track=0,
            num_failed=0,
            num_skipped=0,
            missing_audio="mask",
        ),
        scores=(score,),
        references=(ReferenceScores(name="oracle", scores=(score,)),),
        environment=Environment(
            python="3.11.7",
            platform="Linux x86_64 glibc 2.36",
            num_cpus=2,
            torch="2.13.0",
            packages={"torch": "2.13.0"},
            plugins=(OURS,),
        ),
        git=GitState(commit="0" * 40, dirty=True),
        seconds={"train": 8.5},
    )
