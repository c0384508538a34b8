"""Numbers of our own runs, small enough for git: one JSON file a method, scale and data set."""

import json
import re
from pathlib import Path
from typing import Literal, Self, final

from pydantic import AwareDatetime, Field, JsonValue, model_validator

from egoexobench.records.schema import (
    CheckpointSelection,
    Count,
    Coverage,
    DatasetRecord,
    DistributionRecord,
    FileName,
    GitState,
    MethodRecord,
    MissingAudio,
    RecordModel,
    Unit,
)
from egoexobench.records.store import read_text as text_of
from egoexobench.records.store import slug, validate_json
from egoexobench.types import CandidatePolicy, ScoredTask, Split, TrackKey

FOLDER = "reproduced"

MetricInterval = tuple[float, float | None, float | None]


@final
class ReferenceLevels(RecordModel):
    """What guessing blindly, knowing the answer and shortcuts give for one metric."""

    unit: Unit
    chance: float | None = None
    majority: float | None = None
    oracle: float | None = None
    shortcuts: dict[str, float] = Field({}, description="by name")


@final
class ReproducedTrack(RecordModel):
    """What was scored and how, without the number."""

    fingerprint: str
    task: ScoredTask
    policy: CandidatePolicy | None
    split: Split
    tie_rule: str
    n: Count
    clusters: Count
    candidates: tuple[Count, Count]
    dropped: Count
    missing: Count
    text: dict[str, JsonValue]
    levels: dict[str, ReferenceLevels] = Field(description="by metric")

    @property
    def key(self) -> TrackKey:
        """What tells the track apart from the others of its data set."""
        return TrackKey(self.task, self.policy, self.split)


@final
class SeedRun(RecordModel):
    """One seed: where its numbers come from, and the numbers."""

    record: FileName
    created: AwareDatetime
    seed: int
    git: GitState | None
    python: str
    packages: dict[str, str]
    plugins: tuple[DistributionRecord, ...]
    device: str
    precision: str
    chosen_on: CheckpointSelection | None
    missing_audio: MissingAudio
    coverage: Coverage | None = Field(None, description="null where all clips were used")
    values: dict[str, dict[str, MetricInterval]] = Field(
        description="track fingerprint, metric, [value, low, high]"
    )


@final
class ReproducedRow(RecordModel):
    """Every seed of one method at one scale on one data set."""

    schema_version: Literal[1] = 1
    method: MethodRecord
    dataset: DatasetRecord
    trained_on: DatasetRecord | None = Field(
        None, description="null where it is the data set scored"
    )
    tracks: tuple[ReproducedTrack, ...]
    runs: tuple[SeedRun, ...]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        known = [track.fingerprint for track in self.tracks]
        if len(set(known)) < len(known):
            raise ValueError("two tracks have the same fingerprint")
        if len({track.key for track in self.tracks}) < len(known):
            raise ValueError("two tracks are of one task, policy and split")
        for run in self.runs:
            if strange := set(run.values) - set(known):
                raise ValueError(f"run {run.record} has values on unknown track {min(strange)}")
        return self


def row_file_name(
    method: MethodRecord, dataset: DatasetRecord, trained_on: DatasetRecord | None = None
) -> str:
    """Return the file name of a method, scale and data set."""
    words = ",".join(f"{role}={part}" for role, part in sorted(method.overrides.items()))
    spec = f"{method.spec} {words}".strip()
    other = f".from.{slug(trained_on.spec)}" if trained_on else ""
    return f"{slug(spec)}.{method.scale}.{slug(dataset.spec)}{other}.json"


def read_reproduced_rows(root: Path) -> list[ReproducedRow]:
    """Return every file under ``root/reproduced``, in the order of their names.

    Raises:
        DataError: naming the file and the field that does not fit.
    """
    files = sorted((root / FOLDER).glob("*.json"))
    return [validate_json(path, text_of(path), ReproducedRow) for path in files]


def to_json(rows: ReproducedRow) -> str:
    """Return rows as JSON in which a list or an object without another inside is one line."""
    text = json.dumps(rows.model_dump(mode="json"), indent=1, ensure_ascii=False)
    flat = re.compile(r"([\[{])\n\s*([^\[\]{}]*?)\n\s*([\]}])")
    return (
        flat.sub(lambda found: found[1] + re.sub(r"\n\s*", " ", found[2]) + found[3], text) + "\n"
    )
