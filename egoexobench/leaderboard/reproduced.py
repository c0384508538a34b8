"""Scores of our own runs, small enough for git: one JSON file a method, scale and data set."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Self, final

from pydantic import AwareDatetime, Field, JsonValue, model_validator

from egoexobench.errors import DataError
from egoexobench.evaluation.results import Metric
from egoexobench.leaderboard.row_check import iter_row_faults
from egoexobench.leaderboard.stored_ranks import StoredQueries
from egoexobench.records.field_types import Count, FileName, RecordModel, Sha256, Text
from egoexobench.records.schema import (
    CheckpointSelection,
    Coverage,
    DatasetRecord,
    DistributionRecord,
    GitState,
    MethodRecord,
    MissingAudio,
    Overlap,
)
from egoexobench.records.store import make_slug, parse_versioned, read_text
from egoexobench.records.version_1 import upgrade_reproduced_row
from egoexobench.types import CandidatePolicy, ScoredTask, Split, TrackKey

FOLDER = "reproduced"
_MAX_LINE = 1_000
"""Characters; the ranks of each track have a line of their own."""


@final
class ReferenceLevels(RecordModel):
    """The scores of the oracle and of shortcuts by one metric."""

    oracle: float | None = None
    shortcuts: dict[str, float] = Field({}, description="by name")


@final
class ReproducedTrack(RecordModel):
    """What was scored and how, without the scores of the method."""

    fingerprint: str
    task: ScoredTask
    policy: CandidatePolicy | None
    split: Split
    tie_rule: str
    num_queries: Count
    num_clusters: Count
    candidate_range: tuple[Count, Count]
    num_dropped: Count
    num_missing_candidates: Count
    text: dict[str, JsonValue]
    references: dict[str, ReferenceLevels] = Field(description="by metric")
    queries: StoredQueries | None = Field(
        None, description="null in rows of older versions, and for association"
    )

    @property
    def key(self) -> TrackKey:
        """Task, policy and split, which tell the tracks of one data set apart."""
        return TrackKey(self.task, self.policy, self.split)


@final
class RunVerification(RecordModel):
    """What `egoexobench verify` recomputed when the run was added to its row; nothing differed."""

    record_sha256: Sha256
    files: dict[FileName, Sha256] = Field(description="the files beside the record, by name")
    skipped: tuple[Text, ...] = Field((), description="what could not be recomputed, and why")


@final
class RunAudit(RecordModel):
    """An audit of the method, the data set and the seed of a run."""

    file: FileName
    sha256: Sha256
    passed: bool
    failures: tuple[Text, ...] = ()


@final
class SeedRun(RecordModel):
    """The run of one seed: its metrics, and the code and software that they come from."""

    record: FileName
    created: AwareDatetime
    seed: int
    git: GitState | None
    python: str
    packages: dict[str, str]
    plugins: tuple[DistributionRecord, ...]
    device: str
    precision: str
    checkpoint_selection: CheckpointSelection | None
    missing_audio: MissingAudio
    coverage: Coverage | None = Field(None, description="null if all clips were used")
    metrics: dict[str, dict[str, Metric]] = Field(description="by track fingerprint, by name")
    ranks: dict[str, str] = Field(
        {}, description="rank of each query, by track fingerprint, in the order of its queries"
    )
    command: tuple[Text, ...] = ()
    platform: str | None = None
    processor: str | None = None
    num_threads: Count | None = None
    overlap: Overlap | None = None
    num_unfair: dict[str, Count] = Field({}, description="as in the counts of the record")
    verification: RunVerification | None = Field(None, description="null if it was not verified")
    audits: tuple[RunAudit, ...] = ()
    content: Sha256 | None = Field(
        None,
        description="hash of what was given for this seed, if the method of the row has another",
        exclude_if=lambda value: value is None,
    )


class ReproducedRow(RecordModel):
    """All seeds of one method at one scale on one data set."""

    schema_version: Literal[2] = 2
    method: MethodRecord
    dataset: DatasetRecord
    trained_on: DatasetRecord | None = Field(
        None, description="null if it is the data set that was scored"
    )
    tracks: tuple[ReproducedTrack, ...]
    runs: tuple[SeedRun, ...]

    @model_validator(mode="after")
    def _check_tracks(self) -> Self:
        fingerprints = [track.fingerprint for track in self.tracks]
        if len(set(fingerprints)) < len(fingerprints):
            raise ValueError("two tracks have the same fingerprint")
        if len({track.key for track in self.tracks}) < len(fingerprints):
            raise ValueError("two tracks are of one task, policy and split")
        for run in self.runs:
            if unknown := set(run.metrics) - set(fingerprints):
                raise ValueError(f"run {run.record} has metrics on unknown track {min(unknown)}")
            self._check_ranks(run)
        return self

    def _check_ranks(self, run: SeedRun) -> None:
        queries = {track.fingerprint: track.queries for track in self.tracks}
        for fingerprint, text in run.ranks.items():
            track = queries.get(fingerprint)
            num_ranks = len(text.split())
            if track is None or track.num_queries != num_ranks:
                expected = track.num_queries if track else 0
                raise ValueError(
                    f"run {run.record} has {num_ranks} ranks on track {fingerprint}, which has "
                    f"{expected} queries"
                )


def make_row_file_name(
    method: MethodRecord, dataset: DatasetRecord, trained_on: DatasetRecord | None = None
) -> str:
    """Return the file name of a method, scale and data set."""
    overrides = ",".join(f"{role}={part}" for role, part in sorted(method.overrides.items()))
    spec = f"{method.spec} {overrides}".strip()
    suffix = f".from.{make_slug(trained_on.spec)}" if trained_on else ""
    return f"{make_slug(spec)}.{method.scale}.{make_slug(dataset.spec)}{suffix}.json"


def read_reproduced_rows(
    root: Path, new_texts: Mapping[str, str | None] = MappingProxyType({})
) -> list[ReproducedRow]:
    """Return the rows of all files under ``root/reproduced``, sorted by file name.

    Args:
        root: the leaderboards folder.
        new_texts: of files that are not written yet, by name; they replace files of that name,
            and None is a file that will be removed.

    Raises:
        DataError: with the file and the field that is wrong.
    """
    folder = root / FOLDER
    texts = {path.name: read_text(path) for path in folder.glob("*.json")} | dict(new_texts)
    return [
        _parse_row(folder / name, text) for name, text in sorted(texts.items()) if text is not None
    ]


def read_reproduced_row(path: Path) -> ReproducedRow:
    """Read one file whose numbers are possible and do not contradict its ranks.

    Raises:
        DataError: with the file and the field that is wrong.
    """
    return _parse_row(path, read_text(path))


def _parse_row(path: Path, text: str) -> ReproducedRow:
    row = parse_versioned(path, text, ReproducedRow, upgrade_reproduced_row)
    for fault in iter_row_faults(row):
        raise DataError(f"{path}: {fault}")
    return row


def to_json(row: ReproducedRow) -> str:
    """Return a row as JSON.

    A list or an object that holds no other one is on one line, if that is not too long to compare.
    """
    text = json.dumps(row.model_dump(mode="json"), indent=1, ensure_ascii=False)
    innermost = re.compile(r"([\[{])\n\s*([^\[\]{}]*?)\n\s*([\]}])")
    return innermost.sub(_join_lines, text) + "\n"


def _join_lines(match: re.Match[str]) -> str:
    line = match[1] + re.sub(r"\n\s*", " ", match[2]) + match[3]
    return line if len(line) <= _MAX_LINE else match[0]
