"""What a record of a run holds.

A record is enough to say what was scored, on what, by which code and how sure the number is, and
to run it again. Models are strict and frozen: give tuples, plain ``int`` and ``float``. Absolute
paths in anything a user typed are cut to their last part, so that a record can be shared.
"""

import re
from typing import Annotated, Any, Literal, final

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from egoexobench.types import CandidatePolicy, Evidence, ScoredTask, Split, Task, TrackKey

Scalar = bool | int | float | str | None
Option = Scalar | tuple[Scalar, ...]

_ROOT = r"(?:/(?!/)|~[^/\s]*/|[A-Za-z]:[\\/])"
_QUOTED = rf'(")({_ROOT}(?:[^"]|"")*)(?=")'
_PLAIN = rf"(^|[=,:\s'\"])({_ROOT}[^,\s'\"]*)"
_ABSOLUTE = re.compile(rf"{_QUOTED}|{_PLAIN}")


def strip_absolute_paths(text: str) -> str:
    """Return the text with every absolute path cut to its last part; URLs stay.

    >>> portable("folder:path=/home/me/clips,fps=8")
    'folder:path=.../clips,fps=8'
    """
    return _ABSOLUTE.sub(_strip_match, text)


def _strip_match(match: re.Match[str]) -> str:
    before, path = match.groups()[:2] if match[1] is not None else match.groups()[2:]
    return before + _strip_folders(path)


def _strip_folders(path: str) -> str:
    return ".../" + re.split(r"[\\/]", path.rstrip("\\/"))[-1]


def _strip_option(value: Option) -> Option:
    if isinstance(value, tuple):
        return tuple(_strip_text(item) if isinstance(item, str) else item for item in value)
    return _strip_text(value) if isinstance(value, str) else value


def _strip_text(text: str) -> str:
    # an option is one value, so a path may hold commas and spaces here
    return _strip_folders(text) if re.match(_ROOT, text) else strip_absolute_paths(text)


Text = Annotated[str, AfterValidator(strip_absolute_paths)]
Options = dict[str, Annotated[Option, AfterValidator(_strip_option)]]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")]
Count = Annotated[int, Field(ge=0)]
Status = Literal["complete", "failed"]
Scale = Literal["compact", "paper"]
MissingAudio = Literal["error", "skip", "mask"]
Unit = Literal["%", "rank", "1"]


class RecordModel(BaseModel):
    """A file boundary: nothing unknown, nothing coerced, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


@final
class DistributionRecord(RecordModel):
    """An installed distribution."""

    name: str
    version: str


@final
class PartRecord(RecordModel):
    """One part of a method, with every option resolved."""

    role: str = Field(description="what the part is to the method, such as video_encoder")
    kind: str = Field(description="kind of plug-in, such as encoder")
    name: str
    options: Options = Field({}, description="every option of the factory, defaults included")
    distribution: DistributionRecord | None = Field(None, description="which brought the part")


@final
class DeclaredInputs(RecordModel):
    """What the embeddings of each side are computed from."""

    video: tuple[Evidence, ...]
    text: tuple[Evidence, ...]


@final
class MethodRecord(RecordModel):
    """The method that was run."""

    name: str
    spec: Text = Field(description="as asked, such as soundbridge:residual=none")
    overrides: dict[str, Text] = Field({}, description="setting to value, from --set")
    scale: Scale
    parts: tuple[PartRecord, ...]
    hyper: Options = Field({}, description="hyper-parameters by name")
    evidence: DeclaredInputs
    fingerprint: str = Field(description="hash of the resolved method, without the seed")
    distribution: DistributionRecord | None = None


@final
class DatasetRecord(RecordModel):
    """The data set that was scored."""

    name: str
    spec: Text = Field(description="as asked, such as synthetic:size=standard")
    options: Options = {}
    fingerprint: str
    distribution: DistributionRecord | None = None


@final
class CheckpointSelection(RecordModel):
    """How the checkpoint that was scored had been chosen."""

    split: Split
    criterion: str = Field(description="such as mean gallery top1 of eg2ex and ex2eg")
    epoch: Count
    value: float


@final
class ClipCounts(RecordModel):
    """How much there was and how much of it could be used."""

    clips: dict[Split, Count]
    pairs: dict[Split, Count]
    queries: dict[ScoredTask, Count]
    silent: Count = Field(description="clips whose sound track is digital silence")
    without_track: Count = Field(description="clips without a sound track")
    failed: Count = Field(description="clips that could not be decoded")
    dropped: Count = Field(description="clips left out by the policy")
    missing_audio: MissingAudio


@final
class Metric(RecordModel):
    """One number with its 95 % interval and what blind guessing gives, all in ``unit``."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    majority: float | None = Field(None, description="the best answer that is always the same")
    unit: Unit


@final
class SubsetScore(RecordModel):
    """The metrics of some of the queries, such as those of one view."""

    name: str
    n: Count
    clusters: Count
    candidates: tuple[Count, Count]
    dropped: Count = 0
    missing: Count = 0
    metrics: tuple[Metric, ...]


@final
class ScoreRecord(RecordModel):
    """The metrics of one task under one candidate policy."""

    task: ScoredTask
    policy: CandidatePolicy | None = Field(None, description="null for recognition")
    split: Split
    track: dict[str, JsonValue] = Field(description="everything that moves the score, in words")
    track_fingerprint: str = Field(min_length=4, description="hash of the track")
    tie_rule: str
    n: Count = Field(description="queries or clips that were scored")
    clusters: Count = Field(description="groups of them that are independent of each other")
    candidates: tuple[Count, Count] = Field(description="least and most of a query; or classes")
    dropped: Count = Field(0, description="queries that could not be asked")
    missing: Count = Field(0, description="candidates that left their gallery")
    metrics: tuple[Metric, ...]
    parts: tuple[SubsetScore, ...] = ()

    @property
    def key(self) -> TrackKey:
        """What tells the track apart from the others of its data set."""
        return TrackKey(self.task, self.policy, self.split)


@final
class ReferenceScores(RecordModel):
    """Scores of what every track comes with: guessing, knowing the answer, and shortcuts."""

    name: Literal["chance", "oracle", "duration", "loudness", "synchrony", "scene", "narration"]
    scores: tuple[ScoreRecord, ...]


@final
class CaptionCounts(RecordModel):
    """How many sound captions there are, by different narrations."""

    narrations: Count
    retried: Count = Field(description="narrations whose first answer was no closed caption")
    refused: dict[str, Count] = Field({}, description="without a caption after two tries, why")
    cut: Count = Field(description="narrations that were too long for the captioner")
    unrefined: Count = Field(description="captions whose refinement failed")
    long: Count = Field(description="captions of more than about 77 tokens")
    empty: Count = Field(0, description="texts whose narration is empty")
    missing: Count = Field(description="texts without a caption")
    concepts: tuple[str, ...] = Field((), description="what was refined away")
    stopped: Text | None = Field(None, description="why the captioner could not go on")


@final
class Coverage(RecordModel):
    """How much of a data set was used."""

    clips: Count = Field(description="clips that the annotation has, and rows of it rejected")
    used: Count
    rejected: Count = Field(description="rows of the annotation that could not be used")
    reasons: dict[str, Count] = Field({}, description="why clips were left out")
    certificate: str = Field(description="hash of split and id of the clips that were used")


@final
class GitState(RecordModel):
    """State of the harness' source checkout."""

    commit: str = Field(pattern=r"^[0-9a-f]{40,64}$")
    dirty: bool


@final
class Environment(RecordModel):
    """What the run ran on; the machine itself is not named."""

    python: str
    platform: str = Field(description="system, processor family and C library")
    cpus: int = Field(ge=1, description="processors that this process may use")
    torch: str | None = None
    packages: dict[str, str] = Field(description="installed versions of what moves numbers")
    plugins: tuple[DistributionRecord, ...] = ()
    device: str = "cpu"
    precision: str = "fp32"
    accelerator: str | None = Field(None, description="model of the GPU")
    cuda: str | None = None
    threads: int | None = Field(None, description="torch's threads within an operator")
    deterministic: bool | None = Field(None, description="torch's deterministic algorithms")


@final
class Artifact(RecordModel):
    """A file beside the record."""

    file: FileName
    sha256: Sha256


@final
class QueryRank(RecordModel):
    """One line of the ranks file: where the best right answer of one query stood, from 1."""

    task: Task
    policy: CandidatePolicy | None = None
    source: str = Field(description="id of the clip or pair that asked")
    answers: tuple[str, ...] = Field(description="every right answer")
    optimistic: int = Field(ge=1, description="rank before what ties with it")
    pessimistic: int = Field(ge=1, description="rank after what ties with it")
    candidates: int = Field(ge=1)
    right: int = Field(1, ge=1, description="how many candidates are right answers")
    level: int = Field(1, ge=1, description="how many of those tie with the best of them")
    hit: float = Field(ge=0, le=1, description="chance that the first answer is right")
    cluster: str = Field(description="queries of one cluster are not independent")

    @property
    def key(self) -> TrackKey:
        """The track of the query; ranks are stored of the test split alone."""
        return TrackKey(self.task, self.policy)


@final
class Record(RecordModel):
    """One run."""

    schema_version: Literal[1] = 1
    id: FileName
    created: AwareDatetime = Field(description="UTC")
    command: tuple[Text, ...]
    status: Status
    method: MethodRecord
    seed: int
    dataset: DatasetRecord
    trained_on: DatasetRecord | None = Field(
        None, description="null where it is the data set scored"
    )
    chosen_on: CheckpointSelection | None = Field(
        None, description="null where nothing was trained"
    )
    counts: ClipCounts
    captions: CaptionCounts | None = Field(None, description="null without a captioner")
    coverage: Coverage | None = Field(None, description="null where the data set was used whole")
    scores: tuple[ScoreRecord, ...]
    sanity: tuple[ReferenceScores, ...] = ()
    environment: Environment
    git: GitState | None = Field(None, description="null where the harness is no checkout")
    seconds: dict[str, float] = Field(description="by stage")
    artefacts: tuple[Artifact, ...] = ()


def record_json_schema() -> dict[str, Any]:
    """Return the JSON schema of a record."""
    return Record.model_json_schema()
