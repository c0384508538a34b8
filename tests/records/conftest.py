"""A record with every field set."""

from datetime import UTC, datetime

import pytest

from egoexobench.records.schema import (
    CheckpointSelection,
    ClipCounts,
    DatasetRecord,
    DeclaredInputs,
    DistributionRecord,
    Environment,
    GitState,
    MethodRecord,
    Metric,
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
        answers=("p1/exo",),
        optimistic=1,
        pessimistic=2,
        candidates=20,
        hit=0.5,
        cluster="take-1",
    )


@pytest.fixture
def score() -> ScoreRecord:
    top = Metric(name="top1", value=50.0, low=40.0, high=60.0, chance=5.0, unit="%")
    one = SubsetScore(name="ego", n=100, clusters=40, candidates=(20, 20), metrics=(top,))
    return ScoreRecord(
        task="eg2ex",
        policy="mcq20",
        split="test",
        track={"task": "eg2ex", "version": 1, "nested": {"similarity": "cosine"}},
        track_fingerprint="0123456789abcdef",
        tie_rule="expected",
        n=200,
        clusters=80,
        candidates=(20, 20),
        metrics=(top,),
        parts=(one,),
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
            hyper={"lr": 2e-3, "epochs": 20},
            evidence=DeclaredInputs(video=("video", "audio"), text=("narration", "sound_caption")),
            fingerprint="feedfacefeedface",
            distribution=OURS,
        ),
        seed=3,
        dataset=DatasetRecord(name="synthetic", spec="synthetic", fingerprint="beefbeefbeefbeef"),
        chosen_on=CheckpointSelection(split="val", criterion="gallery top1", epoch=7, value=44.4),
        counts=ClipCounts(
            clips={"train": 8, "val": 2, "test": 4},
            pairs={"train": 4, "val": 1, "test": 2},
            queries={"eg2ex": 200},
            silent=1,
            without_track=0,
            failed=0,
            dropped=0,
            missing_audio="mask",
        ),
        scores=(score,),
        sanity=(ReferenceScores(name="oracle", scores=(score,)),),
        environment=Environment(
            python="3.11.7",
            platform="Linux x86_64 glibc 2.36",
            cpus=2,
            torch="2.13.0",
            packages={"torch": "2.13.0"},
            plugins=(OURS,),
        ),
        git=GitState(commit="0" * 40, dirty=True),
        seconds={"train": 8.5},
    )
