"""The fields of the record of a run.

A record says what was scored, on which data, by which code and how certain the numbers are, and
it is enough to run the same again. Models are strict and frozen: pass tuples, plain ``int`` and
``float``. Absolute paths in anything that a user typed are cut to their last part, so that a
record can be shared.
"""

from typing import Any, Literal, final

from pydantic import (
    AwareDatetime,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from egoexobench.evaluation.results import Metric
from egoexobench.records.field_types import (
    Argument,
    Count,
    FileName,
    Options,
    RecordModel,
    Sha256,
    Text,
)
from egoexobench.types import (
    RETRIEVAL_TASKS,
    CandidatePolicy,
    Evidence,
    ScoredTask,
    Split,
    Task,
    TrackKey,
)

Status = Literal["complete", "failed"]
Scale = Literal["compact", "pretrained", "paper", "external"]
"""``external``: of unknown size, because embeddings or answers were made elsewhere."""
MissingAudio = Literal["error", "skip", "mask"]
ReferenceName = Literal[
    "chance", "oracle", "duration", "loudness", "synchrony", "scene", "narration", "position"
]
"""Chance, oracle and the shortcuts: scores that need no method."""


@final
class DistributionRecord(RecordModel):
    """An installed distribution."""

    name: str
    version: str


@final
class PartRecord(RecordModel):
    """One part of a method, with every option resolved."""

    role: str = Field(description="role of the part in the method, such as video")
    kind: str = Field(description="kind of plug-in, such as encoder")
    name: str
    options: Options = Field({}, description="every option of the factory, defaults included")
    distribution: DistributionRecord | None = Field(
        None, description="distribution that registered the part"
    )
    source_hash: str | None = Field(
        None, description="hash of its source files; null in records of older versions"
    )
    file_hashes: dict[str, Sha256] = Field(
        {}, description="content of each option that names a file or a folder"
    )
    library_versions: dict[str, str] = Field(
        {}, description="versions of the libraries that the part computes with"
    )
    claimed: tuple[Evidence, ...] = Field(
        default=(),
        description="what its features are said to be computed from, if they were made elsewhere; "
        "absent for a part that computes",
    )
    ranked_tasks: tuple[Task, ...] = Field(
        default=(),
        description="tasks that a scorer ranks, if it reads a text and a video together and "
        "embeddings alone rank the others; absent for a scorer of any two items",
    )

    reads: Literal["audio"] | None = Field(
        default=None,
        description="what a captioner reads, if it writes down what is said in the sound; absent "
        "for one that reads narrations",
    )

    @model_serializer(mode="wrap")
    def _leave_out_unused(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = serialize(self)
        for name in ("claimed", "ranked_tasks", "reads"):
            if not getattr(self, name):
                values.pop(name, None)
        return values


@final
class DeclaredInputs(RecordModel):
    """The inputs that the embeddings of each side are computed from."""

    video: tuple[Evidence, ...]
    text: tuple[Evidence, ...]


@final
class AnswererRecord(RecordModel):
    """The part that asked a system the questions, and what came back."""

    part: PartRecord
    key: Options = Field({}, description="what decides an answer, such as model and prompts")
    policy: CandidatePolicy
    seed: Count = Field(description="of the order of the candidates, and of which were asked")
    max_queries: Count | None = Field(
        None, description="largest number of questions of a task; null if all were asked"
    )
    num_questions: Count
    num_refused: dict[str, Count] = Field(
        {}, description="questions without a valid answer, by reason; they count as chance"
    )
    num_failed: dict[str, Count] = Field(
        {}, description="questions to which nothing came back, by reason; they are left out"
    )
    positions: tuple[Count, ...] = Field(
        (), description="how often the candidate at each position was put first"
    )
    expected_positions: tuple[float, ...] = Field(
        (), description="the same if the position means nothing"
    )


@final
class ExternalSource(RecordModel):
    """Embeddings or answers that were made elsewhere; nobody saw how, so nothing was audited."""

    kind: Literal["embeddings", "answers"]
    evidence: Literal["claimed", "unknown", "sent"] = Field(
        description="whether the declared inputs are a claim, nobody says what was used, or they "
        "are what this toolkit sent to the system"
    )
    authors: Text | None = None
    content: Sha256 = Field(description="hash of the ids with their vectors, or of the answers")
    answerer: AnswererRecord | None = Field(
        None, description="absent if the toolkit did not ask the questions itself"
    )

    @model_serializer(mode="wrap")
    def _leave_out_answerer(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Records without an answerer have the fields of earlier versions, and their hash."""
        fields: dict[str, Any] = handler(self)
        if self.answerer is None:
            fields.pop("answerer", None)
        return fields


@final
class MethodRecord(RecordModel):
    """The method that was run."""

    name: str
    spec: Text = Field(description="as typed, such as soundbridge:residual=none")
    overrides: dict[str, Text] = Field({}, description="field to value, from --set")
    scale: Scale
    parts: tuple[PartRecord, ...]
    hyperparameters: Options = Field({}, description="by name")
    declared_inputs: DeclaredInputs
    fingerprint: str = Field(description="hash of the resolved method, without the seed")
    distribution: DistributionRecord | None = None
    toolkit_hash: str | None = Field(
        None, description="hash of the toolkit's code that trains and scores"
    )
    external: ExternalSource | None = Field(
        None, description="null for a method that this toolkit ran"
    )

    @property
    def scorer_tasks(self) -> tuple[Task, ...]:
        """The tasks whose candidates a scorer ranks; none for a method without a scorer."""
        scorers = [part for part in self.parts if part.role == "scorer"]
        return scorers[0].ranked_tasks or RETRIEVAL_TASKS if scorers else ()


@final
class DatasetRecord(RecordModel):
    """The data set that was scored."""

    name: str
    spec: Text = Field(description="as typed, such as synthetic:size=standard")
    options: Options = Field({})
    fingerprint: str
    distribution: DistributionRecord | None = None
    source_hash: str | None = Field(
        None, description="hash of the source files of the data set's plug-in"
    )
    media_hash: str | None = Field(
        None,
        description="hash of the content of the media files that were used, by clip; null if no "
        "media were read",
    )


@final
class CheckpointSelection(RecordModel):
    """How the checkpoint that was scored was selected."""

    split: Split
    validation_metric: str = Field(description="such as mean gallery MRR of eg2ex and ex2eg")
    epoch: Count
    validation_value: float


@final
class CandidateValue(RecordModel):
    """A value of an open number, and the metric on the validation split with it."""

    value: float
    validation_value: float


@final
class ValueSelection(RecordModel):
    """How the open number of the fusions was chosen."""

    roles: tuple[str, ...] = Field(description="fusions that use it, such as video_fusion")
    split: Split
    validation_metric: str
    value: float
    candidates: tuple[CandidateValue, ...] = Field(
        description="every value that was tried, in the order in which equals are preferred"
    )


@final
class EpochRecord(RecordModel):
    """One epoch of a training."""

    loss: float = Field(description="mean over the batches of the epoch")
    validation_value: float = Field(description="value of the metric that selects a checkpoint")


@final
class ScorerTrainingRecord(RecordModel):
    """The second stage of a training: the weights of a scorer, on the tokens of the first stage."""

    num_weights: Count
    weights_hash: str = Field(min_length=16, description="hash of the weights that were used")
    checkpoint_selection: CheckpointSelection
    epochs: tuple[EpochRecord, ...] = Field(description="every epoch")


@final
class Consistency(RecordModel):
    """The check that embeddings depend on their own clip or text alone.

    A sample was computed again, alone and in another order, and compared with what was scored.
    """

    num_clips: Count = Field(description="clips that were embedded again")
    num_texts: Count = Field(description="texts that were embedded again")
    num_encoded: Count = Field(description="clips and texts that were read from their source again")
    tolerance: float = Field(
        ge=0, description="relative distance that rounding explains; the smallest of all stages"
    )
    largest_deviation: float = Field(ge=0, description="relative distance from what was scored")


@final
class ClipCounts(RecordModel):
    """How many clips, pairs and queries a data set has, and how many could be used."""

    num_clips: dict[Split, Count]
    num_pairs: dict[Split, Count]
    num_queries: dict[ScoredTask, Count]
    num_silent: Count = Field(
        description="clips whose audio track is digital silence; 0 for a method that does not hear"
    )
    num_without_track: Count = Field(description="clips without an audio track")
    num_failed: Count = Field(description="clips that could not be decoded or encoded")
    num_skipped: Count = Field(description="clips that the missing-audio policy excluded")
    missing_audio: MissingAudio
    num_unfair: dict[str, Count] = Field(
        {}, description="listed queries of the scored tasks that are left out, by reason"
    )


@final
class SubsetScore(RecordModel):
    """The metrics of some of the queries, such as those of one view."""

    num_queries: Count = Field(description="queries or clips that were scored")
    num_clusters: Count = Field(description="groups of them that are independent of each other")
    candidate_range: tuple[Count, Count] = Field(
        description="smallest and largest number of candidates of a query; or number of classes"
    )
    num_dropped: Count = Field(0, description="queries without an embedding")
    num_missing_candidates: Count = Field(0, description="candidates without an embedding")
    metrics: dict[str, Metric] = Field(description="by name, such as hit_rate_at_1")


@final
class ScoreRecord(RecordModel):
    """The metrics of one task under one candidate policy."""

    task: ScoredTask
    policy: CandidatePolicy | None = Field(
        None, description="null for recognition; the direction of a task on frames"
    )
    split: Split
    track: dict[str, JsonValue] = Field(description="everything that changes the score")
    track_fingerprint: str = Field(min_length=4, description="hash of the track")
    tie_rule: str
    num_queries: Count = Field(description="queries or clips that were scored")
    num_clusters: Count = Field(description="groups of them that are independent of each other")
    candidate_range: tuple[Count, Count] = Field(
        description="smallest and largest number of candidates of a query; or number of classes"
    )
    num_dropped: Count = Field(0, description="queries without an embedding")
    num_missing_candidates: Count = Field(0, description="candidates without an embedding")
    num_special: dict[str, Count] = Field(
        {}, description="what a rule leaves out or treats apart, by reason; absent if nothing is"
    )
    metrics: dict[str, Metric] = Field(description="by name, such as hit_rate_at_1")
    by_subset: dict[str, SubsetScore] = Field({}, description="such as ego and exo")

    @property
    def key(self) -> TrackKey:
        """Task, policy and split, which tell the tracks of one data set apart."""
        return TrackKey(self.task, self.policy, self.split)

    @model_serializer(mode="wrap")
    def _leave_out_unused(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Scores without special cases have the fields that they always had."""
        fields: dict[str, Any] = serialize(self)
        if not self.num_special:
            fields.pop("num_special", None)
        return fields


@final
class ReferenceScores(RecordModel):
    """The scores of chance, of the oracle or of a shortcut."""

    name: ReferenceName
    scores: tuple[ScoreRecord, ...]


@final
class CaptionCounts(RecordModel):
    """How many sound captions were written, counted by distinct narration."""

    num_narrations: Count
    num_retried: Count = Field(description="narrations whose first answer was no closed caption")
    num_refused: dict[str, Count] = Field(
        {}, description="narrations without a caption after two tries, by reason"
    )
    num_truncated: Count = Field(description="narrations that were too long for the captioner")
    num_unrefined: Count = Field(description="captions whose refinement failed")
    num_over_context: Count = Field(description="captions of more than about 77 tokens")
    num_empty: Count = Field(0, description="texts whose narration is empty")
    num_missing: Count = Field(description="texts without a caption")
    concepts: tuple[str, ...] = Field((), description="concepts that refinement removed")
    abort_reason: Text | None = Field(None, description="why the captioner stopped early")
    num_without_speech: Count | None = Field(
        default=None,
        description="sounds in which nothing is said, if the captions are transcripts; other "
        "counts are of distinct sounds then, and missing ones of clips",
    )

    @model_serializer(mode="wrap")
    def _leave_out_speech(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Records without transcripts have the fields of earlier versions, and their hash."""
        values: dict[str, Any] = serialize(self)
        if self.num_without_speech is None:
            values.pop("num_without_speech", None)
        return values


@final
class Coverage(RecordModel):
    """How much of a data set was used."""

    num_clips: Count = Field(description="clips of the annotation, rejected rows included")
    num_used: Count
    num_rejected: Count = Field(description="rows of the annotation that could not be used")
    num_excluded: dict[str, Count] = Field({}, description="excluded clips, by reason")
    subset_hash: str = Field(description="hash of split and id of the clips that were used")


@final
class SplitOverlapRecord(RecordModel):
    """Test clips that also stand in a split that the method learned from."""

    dataset: Literal["scored", "trained_on"]
    split: Split
    num_content: Count = Field(description="they share a part of the same media file")
    num_takes: Count | None = Field(
        description="they share a take or a media file; null if takes of two data sets would be "
        "compared"
    )
    num_narrations: Count = Field(description="they share a text, their own or that of a pair")


@final
class Overlap(RecordModel):
    """How much of the test split also stands in a split that the method learned from."""

    num_clips: Count = Field(description="clips of the test split that were used")
    splits: tuple[SplitOverlapRecord, ...]


@final
class RunSettings(RecordModel):
    """Options of the run that no other field holds, so that it can be run again."""

    tasks: tuple[Task, ...] = Field(description="tasks that were asked for")
    allow_missing: bool
    allow_overlap: bool = False
    subset: Text | None = Field(None, description="file with the clips to use, as typed")
    device: str = Field(description="as typed, such as auto")
    compile: bool
    micro_batch: int | None = Field(
        default=None, ge=1, description="pairs of a batch that were embedded at once in training"
    )


@final
class GitState(RecordModel):
    """State of the source checkout of the toolkit."""

    commit: str = Field(pattern=r"^[0-9a-f]{40,64}$")
    dirty: bool


@final
class Environment(RecordModel):
    """Software and hardware of the run; the machine itself is not named."""

    python: str
    platform: str = Field(description="system, processor family and C library")
    processor: str | None = Field(
        None, description="model of the processor, and the instruction set that torch uses"
    )
    num_cpus: int = Field(ge=1, description="processors that this process may use")
    torch: str | None = None
    packages: dict[str, str] = Field(description="versions of the packages that affect numbers")
    plugins: tuple[DistributionRecord, ...] = ()
    device: str = "cpu"
    precision: str = "fp32"
    accelerator: str | None = Field(None, description="model of the GPU")
    cuda: str | None = None
    num_threads: int | None = Field(None, description="threads of torch within an operator")
    deterministic: bool | None = Field(None, description="deterministic algorithms of torch")
    num_processes: int | None = Field(
        default=None, ge=2, description="processes that trained together; null for one alone"
    )
    num_hosts: int | None = Field(default=None, ge=1, description="machines of these processes")


@final
class Artifact(RecordModel):
    """A file beside the record."""

    file: FileName
    sha256: Sha256


@final
class QueryRank(RecordModel):
    """One line of the ranks file: the rank, from 1, of the best positive of one query."""

    task: Task
    policy: CandidatePolicy | None = None
    source: str = Field(description="id of the clip or pair of the query")
    positives: tuple[str, ...] = Field(description="ids of all positives")
    optimistic: int = Field(ge=1, description="rank above everything that ties with it")
    pessimistic: int = Field(ge=1, description="rank below everything that ties with it")
    num_candidates: int = Field(ge=1)
    num_positives: int = Field(1, ge=1, description="candidates that are positives")
    num_tied_positives: int = Field(1, ge=1, description="positives that tie with the best one")
    top1_probability: float = Field(
        ge=0, le=1, description="probability that a positive is first, over all orders of ties"
    )
    cluster: str = Field(description="queries of one cluster are not independent")
    average_precision: float | None = Field(
        None, ge=0, le=1, description="with graded relevance; absent without"
    )
    ndcg: float | None = Field(None, ge=0, le=1, description="with graded relevance")

    @property
    def key(self) -> TrackKey:
        """The track of the query; only ranks of the test split are stored."""
        return TrackKey(self.task, self.policy)


@final
class Record(RecordModel):
    """One run."""

    schema_version: Literal[2] = 2
    id: FileName
    created: AwareDatetime = Field(description="UTC")
    command: tuple[Argument, ...]
    status: Status
    method: MethodRecord
    seed: int
    dataset: DatasetRecord
    trained_on: DatasetRecord | None = Field(
        None, description="null if it is the data set that was scored"
    )
    checkpoint_selection: CheckpointSelection | None = Field(
        None, description="null if nothing was trained"
    )
    value_selection: ValueSelection | None = Field(
        default=None, description="null if no number was chosen on the validation split"
    )
    epochs: tuple[EpochRecord, ...] = Field(
        (), description="every epoch of the training; empty in records of versions before 0.2"
    )
    scorer_training: ScorerTrainingRecord | None = Field(
        default=None, description="only of a method whose scorer was trained"
    )
    counts: ClipCounts
    captions: CaptionCounts | None = Field(None, description="null without a captioner")
    overlap: Overlap | None = Field(None, description="null in records that did not measure it")
    coverage: Coverage | None = Field(None, description="null if the whole data set was used")
    scores: tuple[ScoreRecord, ...]
    references: tuple[ReferenceScores, ...] = Field(
        (), description="chance, oracle and shortcuts on the same tracks"
    )
    settings: RunSettings | None = Field(None, description="null in records of versions before 0.2")
    consistency: Consistency | None = Field(None, description="null in records before version 0.2")
    environment: Environment
    git: GitState | None = Field(None, description="null if the toolkit is not a checkout")
    seconds: dict[str, float] = Field(description="by stage")
    artifacts: tuple[Artifact, ...] = ()
    checksum: str | None = Field(
        default=None, description="of all other fields; null in records before version 0.2"
    )

    @model_serializer(mode="wrap")
    def _omit_unused(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Records of methods without a trained scorer have the fields that they always had."""
        fields: dict[str, Any] = serialize(self)
        if fields.get("scorer_training", ...) is None:
            del fields["scorer_training"]
        return fields


def record_json_schema() -> dict[str, Any]:
    """Return the JSON schema of a record."""
    return Record.model_json_schema()
