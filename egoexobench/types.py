"""The values that all parts exchange: clips, queries, tokens, embeddings.

They are frozen; what can be derived from a value is a property of it. Letters of shapes: ``B``
clips or texts in a batch, ``T`` tokens of a clip, ``D`` features of a token, ``N`` items of a set,
``K`` candidates of a query. Times are in seconds, rates in Hz.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Literal, NamedTuple
from warnings import warn

from egoexobench.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

View = Literal["ego", "exo"]
Split = Literal["train", "val", "test"]
Modality = Literal["video", "audio", "text", "joint"]
"""What an encoder reads; ``joint``: picture and sound together."""
JointInputs = Literal["both", "video", "audio"]
"""Which of its two inputs a joint encoder is given."""
JobState = Literal["waiting", "running", "done", "failed", "canceled"]
"""The last three are final."""
Evidence = Literal["video", "audio", "narration", "sound_caption"]
FrameTask = Literal["phase", "frame-retrieval", "progression", "alignment"]
"""A task on the frames of videos whose phases are known."""
Task = Literal["eg2ex", "ex2eg", "t2v", "v2t", "scene", "action", FrameTask]
ScoredTask = Literal[Task, "association", "text-video"]
"""A task, or the mean of two opposite ones: ``association`` between the views, and ``text-video``
between texts and videos."""
FrameDirection = Literal["regular", "ego2exo", "exo2ego"]
"""Which frames a frame task learns or asks from, and which it is scored on: all, or one view each.
"""
CandidatePolicy = Literal[
    "mcq20",
    "gallery",
    "both-views",
    "rerank@100",
    "sync-take",
    "sync-scenario",
    "sync-random",
    "async",
    "inter-video",
    "intra-video",
    "multi-instance",
    FrameDirection,
]
"""Where the candidates of a query come from; for a frame task, its direction."""
Similarity = Literal["cosine", "dot"]
EmptyQueryRule = Literal["context-mean", "context-as-query", "zero-query", "context-alone"]
"""What a fusion gives for a row without query tokens, such as a clip without sound."""
EMPTY_QUERY_RULES: Mapping[EmptyQueryRule, str] = {
    "context-mean": "the mean of the context tokens, up to the length of the vector",
    "context-as-query": "what the fusion gives if the context tokens are the query, too",
    "zero-query": "what the fusion gives for a query of one token of zeros",
    "context-alone": "a vector of the context tokens alone, as the description says",
}
"""Each rule in words."""
TokenCase = Literal["several-tokens", "one-query-token", "one-context-token"]
"""How many tokens a fusion gets: several of query and context, or a single one of one of them."""

OWN_LIST_POLICIES: tuple[CandidatePolicy, ...] = (
    "sync-take",
    "sync-scenario",
    "sync-random",
    "async",
    "inter-video",
    "intra-video",
)
"""Short lists of candidates by a rule that only some data sets have."""
LISTED_POLICIES: tuple[CandidatePolicy, ...] = ("mcq20", *OWN_LIST_POLICIES)
"""The candidates of a query are a list of the data set, and are ranked whole or not at all."""
QUESTION_POLICIES: tuple[CandidatePolicy, ...] = (
    "mcq20",
    "gallery",
    "both-views",
    *OWN_LIST_POLICIES,
)
"""The candidates are known before a method ranks any, and each is right or wrong."""
GRADED_POLICY: CandidatePolicy = "multi-instance"
"""The candidates are every text or clip, and each is relevant to a degree."""
RETRIEVAL_POLICIES: tuple[CandidatePolicy, ...] = (
    *QUESTION_POLICIES,
    "rerank@100",
    GRADED_POLICY,
)
"""Every policy of a retrieval task."""

VIEWS: tuple[View, ...] = ("ego", "exo")
SPLITS: tuple[Split, ...] = ("train", "val", "test")
RETRIEVAL_TASKS: tuple[Task, ...] = ("eg2ex", "ex2eg", "t2v", "v2t")
RECOGNITION_TASKS: tuple[Task, ...] = ("scene", "action")
FRAME_TASKS: tuple[FrameTask, ...] = ("phase", "frame-retrieval", "progression", "alignment")
FRAME_DIRECTIONS: tuple[FrameDirection, ...] = ("regular", "ego2exo", "exo2ego")
CROSS_VIEW_TASKS: tuple[Task, Task] = ("eg2ex", "ex2eg")
"""The two directions between the views, whose mean is ``association``."""
TEXT_TASKS: tuple[Task, Task] = ("t2v", "v2t")
"""The two directions between texts and videos."""
TASKS: tuple[Task, ...] = RETRIEVAL_TASKS + RECOGNITION_TASKS
"""The tasks on clips, which are scored if nobody names others."""
ALL_TASKS: tuple[Task, ...] = TASKS + FRAME_TASKS
SCORED_TASKS: tuple[ScoredTask, ...] = (
    "eg2ex",
    "ex2eg",
    "association",
    "t2v",
    "v2t",
    "text-video",
    "scene",
    "action",
    *FRAME_TASKS,
)
JOINED_TASKS: Mapping[ScoredTask, tuple[Task, Task]] = {
    "association": CROSS_VIEW_TASKS,
    "text-video": TEXT_TASKS,
}
"""Scored tasks that are the mean of two others."""


MAX_SEED = 2**32 - 1
"""The largest seed: every generator of random numbers takes it."""
MAX_PHASES = 1000
"""Phases of a data set, numbered from 0: counts are kept of each by each."""
DEFAULT_NUM_TOP = 5
"""First candidates of each query that a run writes beside its record."""


class TrackKey(NamedTuple):
    """Identifies a track of one data set; ``policy`` is None for recognition tasks."""

    task: ScoredTask
    policy: CandidatePolicy | None
    split: Split = "test"

    @property
    def label(self) -> str:
        """Task and candidate policy, for people to read."""
        return " ".join(filter(None, (self.task, self.policy)))


class ClipContent(NamedTuple):
    """What a clip shows: two clips of equal content are one clip with two ids."""

    view: View
    media: str
    start: float
    end: float | None


@dataclass(frozen=True, slots=True)
class Clip:
    """One span of one media file, seen from one view; ``end=None`` is the end of the file."""

    id: str
    view: View
    media: str
    start: float
    end: float | None
    narration: str
    take: str
    scene: str | None = None
    verbs: tuple[str, ...] = ()
    nouns: tuple[str, ...] = ()
    boxes: str | None = None
    """File of the boxes of hands and objects in each frame (`egoexobench.toolbox.frame_boxes`)."""

    @property
    def labels(self) -> ClipLabels:
        """What an objective reads of the clip."""
        return ClipLabels(self.id, self.narration, self.verbs, self.nouns)

    @property
    def content(self) -> ClipContent:
        """View, media file and span; a clip without a file is like no clip but itself."""
        return ClipContent(self.view, self.media or self.id, self.start, self.end)


@dataclass(frozen=True, slots=True)
class Pair:
    """An ego clip and an exo clip of the same activity; ``narration`` describes both.

    A clip may stand in several pairs, for example one ego clip with each of four exo clips.
    """

    id: str
    ego: Clip
    exo: Clip
    narration: str

    @property
    def labels(self) -> PairLabels:
        """What an objective reads of the pair."""
        return PairLabels(self.id, self.ego.labels, self.exo.labels, self.narration)


@dataclass(frozen=True, slots=True)
class ClipLabels:
    """What an objective reads of a clip: no media file, no times, no take and no scene."""

    id: str
    narration: str
    verbs: tuple[str, ...] = ()
    nouns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PairLabels:
    """What an objective reads of a pair; ``narration`` describes both clips."""

    id: str
    ego: ClipLabels
    exo: ClipLabels
    narration: str


@dataclass(frozen=True)
class Gallery:
    """The candidates of a query: ``ids`` in the order in which ``Query.positives`` counts them.

    Galleries with the same ids are equal. The hash is computed once, so that 10,000 queries over
    one gallery of 10,000, or over copies of it, are grouped at once.
    """

    ids: tuple[str, ...]

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Position of each id in ``ids``."""
        return {name: position for position, name in enumerate(self.ids)}

    @cached_property
    def _hash(self) -> int:
        return hash(self.ids)

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[type[Gallery], tuple[tuple[str, ...]]]:
        # Another process hashes strings otherwise: the hash stays here.
        return Gallery, (self.ids,)


@dataclass(frozen=True, slots=True)
class Query:
    """One retrieval query.

    ``source`` and the candidates in ``gallery`` are ids: of a clip where its video embedding is
    meant, of a pair or of a clip where the embedding of its text is. ``positives`` are the indices
    of the right candidates, at least one. The first is the published one, the others are equally
    right (clips that have the same text); the best of them counts. Queries of one ``cluster`` are
    not independent of each other.
    """

    source: str
    gallery: Gallery
    positives: tuple[int, ...]
    cluster: str

    @property
    def positive_ids(self) -> tuple[str, ...]:
        """Ids of the right candidates, the published one first."""
        return tuple(self.gallery.ids[index] for index in self.positives)


@dataclass(frozen=True)
class Relevance:
    """How well each text describes each clip of a split, for multi-instance retrieval.

    ``values`` float ``(V, T)`` are from 0 to 1, one row for each of ``clip_ids`` and one column for
    each of ``text_ids``; 1 is a right answer. The id of a text is that of a clip or a pair.
    """

    clip_ids: tuple[str, ...]
    text_ids: tuple[str, ...]
    values: NDArray[np.floating]

    @cached_property
    def clip_index(self) -> Mapping[str, int]:
        """Row of each clip."""
        return {name: row for row, name in enumerate(self.clip_ids)}

    @cached_property
    def text_index(self) -> Mapping[str, int]:
        """Column of each text."""
        return {name: column for column, name in enumerate(self.text_ids)}

    def select(
        self, task: Task, sources: Sequence[str], candidates: Sequence[str]
    ) -> NDArray[np.floating]:
        """Return the relevance ``(S, K)`` of candidates to the sources of ``t2v`` or ``v2t``."""
        if task == "v2t":
            rows = self.values[[self.clip_index[name] for name in sources]]
            return rows[:, [self.text_index[name] for name in candidates]]
        columns = self.values[:, [self.text_index[name] for name in sources]]
        return columns[[self.clip_index[name] for name in candidates]].T


@dataclass(frozen=True, slots=True)
class LabelSpace:
    """View and classes of a recognition task, if the data set defines them."""

    view: View
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FrameLabels:
    """The phases of one clip, for frame-level tracks.

    ``times (L,)`` rise, in s of the media file; ``phases (L,)`` are positions in the list of phases
    of the data set, or -1 where there is none. Clips of one ``activity`` show the same phases in
    the same order, so that they can be aligned; if nobody names it, all clips are of one.
    """

    clip_id: str
    times: NDArray[np.float64]
    phases: NDArray[np.int64]
    activity: str = ""


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames of a clip: ``pixels`` uint8 RGB ``(F, H, W, 3)`` and their ``times`` ``(F,)`` in s.

    ``boxes`` float32 ``(F, N, 10)`` are what a detector saw in each frame, for an encoder that
    reads them (`HasBoxInput`): x1, y1, x2, y2 in pixels of the frame as it is decoded, score, four
    unused columns, and the kind (0 and 1 hands, 2 and 3 objects, -1 no box).

    For an encoder that reads an earlier frame beside each (`HasContextFrames`), these frames are
    here as well, and ``context (F,)`` is the position of the earlier frame of each; -1 for a frame
    that was not sampled and is only read beside others.
    """

    pixels: NDArray[np.uint8]
    times: NDArray[np.float64]
    boxes: NDArray[np.float32] | None = None
    context: NDArray[np.int64] | None = None

    @property
    def sampled_times(self) -> NDArray[np.float64]:
        """Times of the frames that were sampled, s."""
        return self.times if self.context is None else self.times[self.context >= 0]


@dataclass(frozen=True, slots=True)
class Audio:
    """Audio of a clip: mono ``waveform`` float32 ``(S,)`` in [-1, 1] at ``sample_rate`` Hz."""

    waveform: NDArray[np.float32]
    sample_rate: int

    @property
    def samples(self) -> NDArray[np.float32]:
        """Old name of ``waveform``."""
        warn("Audio.samples is deprecated: use Audio.waveform", FutureWarning, stacklevel=2)
        return self.waveform

    @property
    def rate(self) -> int:
        """Old name of ``sample_rate``."""
        warn("Audio.rate is deprecated: use Audio.sample_rate", FutureWarning, stacklevel=2)
        return self.sample_rate


@dataclass(frozen=True, slots=True)
class TranscriptWord:
    """A word that is spoken from ``start`` to ``end``, s from the start of the sound."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What is said in a sound; no speech is an empty text. ``words`` may be empty: no times."""

    text: str
    words: tuple[TranscriptWord, ...] = ()


@dataclass(frozen=True, slots=True)
class ClipFormat:
    """What an answerer reads of a clip.

    ``num_frames`` frames, scaled down so that the longer side has at most ``side`` pixels, and the
    sound at ``sample_rate`` Hz; None reads no sound.
    """

    num_frames: int
    side: int
    sample_rate: int | None = None


@dataclass(frozen=True, slots=True)
class QuestionItem:
    """What a question shows of a clip or a text, and nothing else: no id, no file, no label.

    A clip has ``frames``, whose times begin at 0, and ``audio`` if it was requested and can be
    heard; a text has ``text``.
    """

    frames: Frames | None = None
    audio: Audio | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One question to an answerer: which candidate belongs to the query.

    ``number`` tells the questions of one call apart and says nothing else. The candidates stand in
    an order of this question alone, which says nothing either.
    """

    number: int
    task: Task
    query: QuestionItem
    candidates: tuple[QuestionItem, ...]


@dataclass(frozen=True, slots=True)
class QuestionAnswer:
    """What an answerer says to the question of that ``number``; exactly one other field is set.

    Candidates are named by position from 0: the ``choice``, an ``order`` with the best first,
    which may leave some out, or one finite score for each in ``scores``. ``refusal`` is the reason,
    in a few words, why the system gave no valid answer; it is stored and counts as chance.
    ``failure`` is the reason why nothing came back; the question is asked again the next time.
    """

    number: int
    choice: int | None = None
    order: tuple[int, ...] | None = None
    scores: tuple[float, ...] | None = None
    refusal: str | None = None
    failure: str | None = None


class RequestSize(NamedTuple):
    """What an answerer sends for one question: pictures, and bytes of the request."""

    num_images: int
    num_bytes: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """Encoder output: ``values (B, T, D)``; ``mask (B, T)`` is True where a token is real."""

    values: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True)
class PairSequences:
    """What an objective on sequences reads of a batch: tokens in time of both videos of each pair.

    ``ego`` and ``exo`` are ``(B, T, D)``; the numbers of tokens may differ. In each row the real
    tokens come first, in the order of time, and there is one or more. Times ``(B, T)`` of the
    tokens and durations ``(B,)`` are in s from the start of the clip. ``num_steps`` counts the
    training steps that were done.
    """

    ego: Tokens
    exo: Tokens
    ego_times: Tensor
    exo_times: Tensor
    ego_durations: Tensor
    exo_durations: Tensor
    num_steps: int


@dataclass(frozen=True)
class Embeddings:
    """One vector for each id: ``vectors (N, D)``, rows in the order of ``ids``.

    The metrics take a NumPy array in place of the tensor, too.
    """

    ids: tuple[str, ...]
    vectors: Tensor

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Row of each id in ``vectors``."""
        return {name: row for row, name in enumerate(self.ids)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerTraining:
    """How the weights of a scorer are trained, after those of its method.

    Raises:
        UsageError: for a number that is too small.
    """

    epochs: int = 8
    batch_size: int = 16
    """Pairs of a training step; each query of it is compared with as many candidates."""
    lr: float = 1e-3
    weight_decay: float = 0.01
    schedule: Literal["constant", "cosine"] = "cosine"
    negatives: Literal["random", "neighbors"] = "random"
    """``neighbors``: a batch is a pair and those that its embeddings are most similar to."""

    def __post_init__(self) -> None:
        for name, minimum in (("epochs", 1), ("batch_size", 2), ("lr", 0), ("weight_decay", 0)):
            if not minimum <= (value := getattr(self, name)) < inf:  # NaN is neither
                raise UsageError(
                    f"{name}={value} of a scorer is invalid: must be {minimum} or more"
                )


@dataclass(frozen=True, slots=True)
class AnnotationIssue:
    """What is wrong with a row of an annotation file, and whether the row was dropped for it.

    ``row`` is what an editor of the file shows (``line 3`` of text, ``row 3`` of a table), the
    number of a published table's record from 1, its header, or the key of a question.
    """

    file: str
    row: str
    reason: str
    dropped: bool = True

    def __str__(self) -> str:
        return f"{self.file}, {self.row}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Job:
    """A command that a launcher runs in a process, on any machine that sees the same files.

    It is safe to run twice: a second attempt goes on where the first one ended.
    """

    name: str
    """What a user reads, such as ``portion 3/8``."""
    arguments: tuple[str, ...]
    """Arguments of the Python interpreter: ``("-m", "egoexobench", "extract", ...)``."""
    folder: str
    """Working folder."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables, beside those of the machine where it runs."""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """The state of a job now."""

    state: JobState
    reason: str = ""
    """Why it failed, or waits, in one line."""
    exit_code: int | None = None
    """Of the last attempt that ended; negative for a signal."""
    num_attempts: int = 0
    """Attempts that were started."""
    location: str = ""
    """Where it runs: a machine, a GPU."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to the job."""
        return self.state in ("done", "failed", "canceled")
