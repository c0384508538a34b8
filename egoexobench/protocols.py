"""Protocols that plug-ins implement; a plug-in inherits nothing.

The keyword-only parameters of a factory are the part's options. The harness passes its own values
(``width``, ``scale``) as positional arguments. A ``HasX`` protocol is optional: a data set, an
encoder or a scorer may have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from egoexobench.progress import Advance
    from egoexobench.types import (
        AnnotationIssue,
        Audio,
        CandidatePolicy,
        Clip,
        ClipFormat,
        EmptyQueryRule,
        Evidence,
        FrameLabels,
        Frames,
        Job,
        JobStatus,
        LabelSpace,
        Modality,
        Pair,
        PairLabels,
        PairSequences,
        Query,
        Question,
        QuestionAnswer,
        Relevance,
        RequestSize,
        ScorerTraining,
        Split,
        Task,
        TokenCase,
        Tokens,
        Transcript,
    )

AnchorText = Literal["narration", "sound_caption", "sound_text"]
AnchorInput = Literal[
    "narration",
    "sound_caption",
    "sound_text",
    "ego_narration",
    "exo_narration",
    "ego_sound_text",
    "exo_sound_text",
    "ego_sound",
    "exo_sound",
]


class Progress(Protocol):
    """Reports the progress of a stage."""

    def stage(self, name: str, total: int) -> AbstractContextManager[Advance]:
        """Return a context that gives ``advance(n)``; the stage ends with the context.

        ``advance(1, "loss 2.31")`` adds a note to what is shown.
        """
        ...


@runtime_checkable
class LogsMetrics(Protocol):
    """Optional: progress that passes the numbers of a training on to trackers."""

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Log numbers by name, such as ``{"train/loss": 2.31}``, after a step of the stage."""
        ...


@runtime_checkable
class Dataset(Protocol):
    """Annotations of one data set. It names media files; only the harness opens them."""

    @property
    def fingerprint(self) -> str:
        """Hash of everything that clips, labels, candidate lists and media depend on."""
        ...

    def prepare(self, progress: Progress) -> None:
        """Render the media, or check that they exist."""
        ...

    def clips(self, split: Split) -> Sequence[Clip]:
        """Every clip of the split, both views."""
        ...

    def pairs(self, split: Split) -> Sequence[Pair]:
        """Every ego-exo pair of the split."""
        ...

    def queries(self, split: Split, task: Task) -> Sequence[Query]:
        """Queries with the published lists of 20 candidates (``mcq20``), as listed; may be empty.

        The harness leaves out and counts those that cannot be answered fairly.
        """
        ...


@runtime_checkable
class HasAnnotationIssues(Protocol):
    """Optional: the data set lists annotation rows with an error."""

    @property
    def findings(self) -> Sequence[AnnotationIssue]:
        """Errors by file and row, and whether the row was skipped."""
        ...


@runtime_checkable
class HasMissingFiles(Protocol):
    """Optional: the data set lists annotation files that are missing."""

    @property
    def missing(self) -> Mapping[str, str]:
        """Each missing file, and what cannot be loaded without it."""
        ...


@runtime_checkable
class HasRowLocations(Protocol):
    """Optional: the data set knows the file and row of each clip."""

    @property
    def where(self) -> Mapping[str, str]:
        """File and row of each clip, by clip id."""
        ...


@runtime_checkable
class HasCameras(Protocol):
    """Optional: the data set names the cameras of its clips."""

    @property
    def cameras(self) -> Mapping[str, str]:
        """Name of the camera by clip id, such as ``exo2``; clips of an unnamed one are absent."""
        ...


@runtime_checkable
class HasQueryLocations(Protocol):
    """Optional: the data set knows the file and row of each listed query."""

    def locate_queries(self, split: Split, task: Task) -> Sequence[str]:
        """File and row of each query of ``queries(split, task)``, in the same order."""
        ...


@runtime_checkable
class HasPairTexts(Protocol):
    """Optional: the data set says whether the id of a clip can mean the text of the clip."""

    @property
    def has_only_pair_texts(self) -> bool:
        """True: in a list, the id of a clip means its video, and only pairs have texts."""
        ...


@runtime_checkable
class HasListVersions(Protocol):
    """Optional: the candidate lists of the data set have versions."""

    @property
    def versions(self) -> Mapping[Split, str]:
        """Version of the lists of each split, or the rule and options that generate them."""
        ...


@runtime_checkable
class HasLabelSpace(Protocol):
    """Optional: the data set defines its own recognition protocol."""

    def classes(self, task: Task) -> LabelSpace | None:
        """View and classes of a task; None for the paper's protocol with every label."""
        ...


@runtime_checkable
class HasTemporalAlignment(Protocol):
    """Optional: the data set says whether the two views of a pair can be aligned in time."""

    @property
    def alignable(self) -> bool:
        """Whether both clips of a pair show the same actions in the same order, at any speed."""
        ...


@runtime_checkable
class HasFrameLabels(Protocol):
    """Optional: the data set says in which phase of the activity each frame of a clip is."""

    @property
    def phase_names(self) -> Sequence[str]:
        """The phases in their usual order."""
        ...

    @property
    def has_time_column(self) -> bool:
        """Whether ``progression`` may also read the number of the frame (AE2, pour_liquid)."""
        ...

    @property
    def alignment_stride(self) -> int:
        """``alignment`` compares every frame of this number; 5 in AE2, 1 for short clips."""
        ...

    def list_frame_labels(self, split: Split) -> Sequence[FrameLabels]:
        """Phases of every clip of the split that has some, by the time of the frame."""
        ...


@runtime_checkable
class HasCandidateLists(Protocol):
    """Optional: the data set lists candidates by policies of its own, beside ``mcq20``."""

    def list_policies(self, task: Task) -> Sequence[CandidatePolicy]:
        """Return the policies of a retrieval task, beside those that every data set has."""
        ...

    def list_queries(self, split: Split, task: Task, policy: CandidatePolicy) -> Sequence[Query]:
        """Return the queries of one of these policies."""
        ...


@runtime_checkable
class HasRelevance(Protocol):
    """Optional: the data set says how well each text describes each clip (``multi-instance``)."""

    def get_relevance(self, split: Split) -> Relevance | None:
        """Return the relevance of clips and texts of a split; None if it has none."""
        ...


@runtime_checkable
class HasListLocations(Protocol):
    """Optional: the data set knows the file and row of each query of its own lists."""

    def locate_list_queries(
        self, split: Split, task: Task, policy: CandidatePolicy
    ) -> Sequence[str]:
        """File and row of each query of ``list_queries(split, task, policy)``, in its order."""
        ...


@runtime_checkable
class HasFreshData(Protocol):
    """Optional: the data set is generated, and more of the same kind can be generated."""

    def regenerate(self, folder: Path, *, seed: int, num_pairs: int) -> Dataset:
        """Return new data of the same distribution: what a method may learn stays the same.

        Args:
            folder: an empty folder for its files.
            seed: of all random numbers.
            num_pairs: smallest number of test pairs; the other splits are as small as possible.
        """
        ...


@runtime_checkable
class HasResolution(Protocol):
    """Optional: a video encoder with a fixed input size."""

    @property
    def resolution(self) -> int:
        """Side of the square input image in pixels, after the crop."""
        ...


@runtime_checkable
class HasSampleRate(Protocol):
    """Optional: an encoder of sound that reads another sample rate than 16 kHz."""

    @property
    def sample_rate(self) -> int:
        """Sample rate at which audio is decoded for it, Hz."""
        ...


@runtime_checkable
class HasTokenTimes(Protocol):
    """Optional: a video encoder whose tokens stand in time, so that frames can be compared."""

    def get_token_times(self, frame_times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the time ``(T,)`` of each token of a clip, s; its frames are at ``(F,)``.

        Raises:
            UsageError: with these options its tokens do not stand in time, such as one of a clip.
        """
        ...


@runtime_checkable
class HasContextFrames(Protocol):
    """Optional: a video encoder that reads an earlier frame beside each sampled one."""

    @property
    def context_step(self) -> int:
        """How many frames of the file the earlier one stands before; the first frame at most."""
        ...


@runtime_checkable
class HasBoxInput(Protocol):
    """Optional: a video encoder that may read boxes of hands and objects."""

    @property
    def reads_boxes(self) -> bool:
        """Whether it needs ``Frames.boxes``; a clip without them is an error of the clip."""
        ...


@runtime_checkable
class HasContentHash(Protocol):
    """Optional: an encoder that reads files which no option of it names, such as a tokenizer's."""

    @property
    def content_hash(self) -> str:
        """Hash of the content of these files: other content, other stored tokens."""
        ...


@runtime_checkable
class HasGivenFeatures(Protocol):
    """Optional: an encoder that computes nothing, because its features were made elsewhere.

    The harness asks it for the features of a clip by the id of the clip, and for those of a text by
    the text itself. It opens no media for it and never calls ``prepare`` and ``encode``. Such an
    encoder is frozen and fits every role; what its features show is a claim.
    """

    @property
    def claimed_evidence(self) -> tuple[Evidence, ...]:
        """What the features are said to be computed from; empty: what the role takes."""
        ...

    def select_modality(self, modality: Modality) -> Encoder:
        """Return the encoder for a role that takes this modality."""
        ...

    def get_features(self, name: str) -> NDArray[np.floating[Any]] | None:
        """Return the tokens ``(T, dim)`` of a clip or text; None if there are none."""
        ...


@runtime_checkable
class Captioner(Protocol):
    """Writes a sound caption from the narration of a clip (paper, 3.2)."""

    def caption(self, narrations: Sequence[str]) -> Sequence[str]:
        """Return ``[source] (effect), ...`` for each narration, in the same order."""
        ...


@dataclass(frozen=True, slots=True)
class CaptionRequest:
    """One request to a model.

    Without ``concepts``, ``text`` is a narration and the model writes its sound caption
    (``LLM(t, prompt)``; paper, 3.2). With them, ``text`` is a caption and the model removes these
    concepts from it: ``LLM(c, frequent concepts, prompt)``. ``refused`` is an earlier response
    that was not a closed caption; the empty string, if there was none at all.
    """

    text: str
    concepts: tuple[str, ...] = ()
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class CaptionResponse:
    """The unchecked text of a response; ``failure`` says in a word or two why there is none."""

    request: CaptionRequest
    text: str
    failure: str = ""


@runtime_checkable
class ModelCaptioner(Protocol):
    """Optional: a captioner that calls a model, so that its responses are worth caching."""

    @property
    def key(self) -> Mapping[str, object]:
        """Everything that decides a response, except the request; another key, another cache."""
        ...

    @property
    def frequent(self) -> float | None:
        """Share of training narrations from which on a concept is removed; None removes none."""
        ...

    def answer(self, requests: Iterable[CaptionRequest]) -> Iterator[CaptionResponse]:
        """Yield one response to each request, in any order; requests are read when needed.

        Raises:
            ModelUnavailableError: if no further response can come.
        """
        ...


@runtime_checkable
class RefiningCaptioner(Protocol):
    """Optional: a captioner without a model that removes frequent concepts itself."""

    @property
    def frequent(self) -> float | None:
        """Share of training narrations from which on a concept is removed; None removes none."""
        ...

    def refine(self, captions: Sequence[str], concepts: Sequence[str]) -> Sequence[str]:
        """Return each caption without the concepts: same length, same order, none empty.

        Args:
            captions: closed captions.
            concepts: frequent sources and effects, the most frequent first.
        """
        ...


@runtime_checkable
class AudioCaptioner(Protocol):
    """A captioner that writes what is said in the sound of a clip, and reads no narration.

    Where a method has one, its texts stand in place of sound captions, and what is computed from
    them has the evidence ``audio`` (docs/evidence.md).
    """

    @property
    def sample_rate(self) -> int:
        """Sample rate of the sounds that it reads, Hz."""
        ...

    @property
    def key(self) -> Mapping[str, object]:
        """Everything that decides a transcript, except the sound; another key, another cache."""
        ...

    def transcribe(self, sounds: Iterable[Audio]) -> Iterator[Transcript]:
        """Yield the transcript of each sound, in the same order; sounds are read when needed.

        A transcript depends on its own sound alone. A sound is never digital silence: such a clip
        has an empty transcript without a call.

        Raises:
            ModelUnavailableError: if no further transcript can come.
        """
        ...


@runtime_checkable
class Answerer(Protocol):
    """Answers questions about clips and texts: for systems that have no embeddings."""

    @property
    def clip_format(self) -> ClipFormat:
        """What it reads of each clip."""
        ...

    @property
    def max_candidates(self) -> int:
        """Largest number of candidates of a question that it takes."""
        ...

    def answer(self, questions: Iterable[Question]) -> Iterator[QuestionAnswer]:
        """Yield one answer to each question, in any order; questions are read when needed.

        An answer depends on its own question alone.

        Raises:
            ModelUnavailableError: if no further answer can come.
        """
        ...


@runtime_checkable
class HasAnswerKey(Protocol):
    """Optional: an answerer that calls a model, so that its answers are worth storing."""

    @property
    def key(self) -> Mapping[str, object]:
        """Everything that decides an answer, except the question: model, prompts, decoding."""
        ...


@runtime_checkable
class HasRequestSize(Protocol):
    """Optional: an answerer that says how much it sends."""

    def measure_request(self, question: Question) -> RequestSize:
        """Return the size of the first request of a question, without sending it."""
        ...


@runtime_checkable
class Encoder(Protocol):
    """Turns one modality into tokens.

    ``prepare`` runs once per clip on a CPU worker and returns an array whose first axis is time
    (or the token); ``encode`` takes a padded batch of them. A frozen encoder runs once and its
    tokens are stored; any other is an ``nn.Module`` trained inside the method's module.

    ``prepare`` may return float16, float32, float64, bool, uint8, int8, int16, int32 or int64.
    ``encode`` gets float32 for floating-point arrays, and integers and booleans in the dtype that
    ``prepare`` returned: token ids stay int64, pixels stay uint8. Padding is zeros, and False in
    the mask. ``encode`` must not depend on padding or on the rest of the batch, and returns
    floating-point tokens.
    """

    @property
    def modality(self) -> Modality:
        """Input of the encoder."""
        ...

    @property
    def dim(self) -> int:
        """Number of features D of a token."""
        ...

    @property
    def frozen(self) -> bool:
        """True: the encoder runs once and its tokens are stored. False: it is trained."""
        ...

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.generic]:
        """Return an array ``(T0, ...)`` of decoded frames, audio or text; runs on the CPU."""
        ...

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return tokens ``(B, T, dim)`` of ``values (B, T0, ...)`` with ``mask (B, T0)``."""
        ...


@runtime_checkable
class JointEncoder(Protocol):
    """Turns picture and sound of a clip into tokens that were computed from both.

    ``prepare_video`` and ``prepare_audio`` run once per clip on a CPU worker, under the rules of
    `Encoder.prepare`. A sound is never prepared for a clip without sound, which is not the same as
    silence: such a clip has no True in ``audio_mask``. The harness may also leave out the picture.
    The values of an input that is left out are zeros of the usual shape, for which one of the two
    functions gets zeros as its source once.
    """

    @property
    def modality(self) -> Modality:
        """Always ``joint``."""
        ...

    @property
    def dim(self) -> int:
        """Number of features D of a token."""
        ...

    @property
    def frozen(self) -> bool:
        """True: the encoder runs once and its tokens are stored. False: it is trained."""
        ...

    def prepare_video(self, source: Frames) -> NDArray[np.generic]:
        """Return an array ``(T0, ...)`` of decoded frames; runs on the CPU."""
        ...

    def prepare_audio(self, source: Audio) -> NDArray[np.generic]:
        """Return an array ``(S0, ...)`` of decoded sound; runs on the CPU."""
        ...

    def encode(
        self, video_values: Tensor, video_mask: Tensor, audio_values: Tensor, audio_mask: Tensor
    ) -> Tokens:
        """Return tokens ``(B, T, dim)``.

        Args:
            video_values: ``(B, T0, ...)``, with a mask ``(B, T0)``.
            video_mask: all False in a row without a picture.
            audio_values: ``(B, S0, ...)``, with a mask ``(B, S0)``.
            audio_mask: all False in a row without sound.
        """
        ...


AnyEncoder = Encoder | JointEncoder


@runtime_checkable
class Fusion(Protocol):
    """Query tokens attend to context tokens.

    A row without query tokens (a clip without audio) is embedded from its context alone; its
    `HasEmptyQueryRule` says how.
    """

    def __call__(self, query: Tokens, context: Tokens) -> Tensor:
        """Return embeddings ``(B, D)`` of tokens ``(B, Tq, D)`` and ``(B, Tc, D)``."""
        ...


@runtime_checkable
class HasEmptyQueryRule(Protocol):
    """What `egoexobench.testing.check_fusion` requires of every fusion, and checks."""

    @property
    def empty_query(self) -> EmptyQueryRule:
        """What a row without query tokens gives (`egoexobench.types.EMPTY_QUERY_RULES`)."""
        ...


@runtime_checkable
class HasIdleWeights(Protocol):
    """Optional: a fusion with weights that nothing trains, because attention to one key ignores it.

    The softmax over a single key is 1 whatever query and key are. `check_fusion` finds such weights
    and fails for those that are not declared.
    """

    @property
    def idle_weights(self) -> Mapping[TokenCase, Sequence[str]]:
        """Names of the matrices without a gradient by case; ``*`` stands for any text.

        They are the names of parameters. The three parts of an ``in_proj_weight`` of
        ``nn.MultiheadAttention`` are ``in_proj_weight:query``, ``:key`` and ``:value``. Weights
        that are idle with several tokens are not repeated. A case without a name says that the
        fusion does not read its query then.
        """
        ...


@runtime_checkable
class HasOpenValue(Protocol):
    """Optional: a fusion, an ``nn.Module``, with a number that is chosen on the validation split.

    The number is a buffer, so that it is part of the weights. The harness tries each candidate on
    the validation split alone, uses the one with the best metric and records all of them.
    """

    @property
    def candidate_values(self) -> Sequence[float]:
        """Different values to try, the one first that equals prefer; empty if it is fixed."""
        ...

    def use_value(self, value: float) -> None:
        """Use this value from now on."""
        ...


@runtime_checkable
class Scorer(Protocol):
    """Compares a query and a candidate by all their tokens, not only by one vector of each.

    The tokens are those that the embeddings of the method are computed from. A score depends on the
    tokens of its own query and its own candidate, and on the similarity of their embeddings, alone:
    not on other rows, their order or padding.

    A scorer with weights that require gradients is an ``nn.Module``. They are trained after those
    of the method, which do not change any more: every pair of a batch is a query whose right
    candidate is its own, and scores are the logits of a softmax over the candidates of the batch.
    """

    def score(self, query_tokens: Tokens, candidate_tokens: Tokens, similarity: Tensor) -> Tensor:
        """Return finite scores ``(Q, K)``, a larger one for a candidate that fits better.

        Args:
            query_tokens: ``(Q, Tq, D)``, on the device of the method.
            candidate_tokens: ``(K, Tk, D)``; each query is compared with each of them.
            similarity: float32 ``(Q, K)``, the inner product of the embeddings of each pair, by
                which the method orders candidates without a scorer. It is the cosine, except for a
                method that compares by dot product.
        """
        ...


@runtime_checkable
class TextScorer(Protocol):
    """Compares texts with videos by all their tokens: a scorer for ``t2v`` and ``v2t`` alone.

    The text may shape what is computed of a video, so that the video has no vector of its own. Such
    a scorer never sees a pair of two videos: embeddings alone rank ``eg2ex`` and ``ex2eg``, and the
    record says so. A score is that of its own text and video whichever of them is the query, and it
    depends on nothing else. Weights are trained as those of a `Scorer`, on texts and videos alone.
    """

    @property
    def reads_sound(self) -> bool:
        """Whether it gets the sound tokens, for which the method must fuse sound with frames."""
        ...

    def score_texts(
        self, text: Tokens, video: Tokens, audio: Tokens | None, similarity: Tensor
    ) -> Tensor:
        """Return finite scores ``(Nt, Nv)``, a larger one for a pair that fits better.

        Args:
            text: ``(Nt, Tt, D)``, on the device of the method.
            video: ``(Nv, Tv, D)``, the frames; of a joint encoder, frames and sound.
            audio: ``(Nv, Ta, D)``, the sound; a video without sound has no True in the mask. None
                if the scorer reads no sound.
            similarity: float32 ``(Nt, Nv)``, the inner product of the embeddings of each pair.
        """
        ...


AnyScorer = Scorer | TextScorer


@runtime_checkable
class HasTrainingSettings(Protocol):
    """Optional: a scorer that is trained otherwise than with the defaults of `ScorerTraining`."""

    @property
    def training_settings(self) -> ScorerTraining:
        """How its weights are trained."""
        ...


@runtime_checkable
class Anchor(Protocol):
    """The target that training pulls both videos of a pair to (paper, Table 6)."""

    @property
    def required_inputs(self) -> tuple[AnchorInput, ...]:
        """Names of the embeddings that the harness computes and passes to the call."""
        ...

    @property
    def eval_text(self) -> AnchorText:
        """The text embedding that represents a text during evaluation."""
        ...

    def __call__(self, embeddings: Mapping[AnchorInput, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the targets of the ego and of the exo videos, ``(B, D)`` each."""
        ...


@runtime_checkable
class Objective(Protocol):
    """The training loss."""

    def __call__(
        self,
        ego: Tensor,
        exo: Tensor,
        ego_target: Tensor,
        exo_target: Tensor,
        pairs: Sequence[PairLabels],
    ) -> Tensor:
        """Return a scalar from four ``(B, D)`` embeddings of unit length and their pairs.

        A pair is given as its ids, narrations, verbs and nouns, and nothing else. No two pairs of a
        batch share a clip or show one moment. An objective that remembers earlier batches compares
        the ids of clips itself.
        """
        ...


@runtime_checkable
class SequenceObjective(Protocol):
    """Optional: an objective that compares the tokens of both videos of a pair in time.

    It is legal where the pairs of a data set can be aligned (`HasTemporalAlignment`) and the video
    encoder says the times of its tokens (`HasTokenTimes`). It has no targets, so that a method with
    it needs no anchor, and its ``__call__`` is not used.
    """

    def compare_sequences(self, sequences: PairSequences, pairs: Sequence[PairLabels]) -> Tensor:
        """Return a scalar from the projected, not normalized tokens of a batch.

        It depends on the batch and the number of steps alone: random numbers are drawn from these,
        so that processes that train together draw the same.
        """
        ...


@runtime_checkable
class Tracker(Protocol):
    """Shows one run in a tool for experiments, while the run goes on.

    It reads and changes nothing of the run. An exception is shown as one line, and the tracker is
    not called any more. All calls come from one thread. A factory imports what the tracker needs;
    it neither writes nor connects.
    """

    def start(self, record: Mapping[str, Any]) -> None:
        """Begin a run.

        Args:
            record: what a record says before the run: ``created``, ``method``, ``dataset``,
                ``trained_on``, ``seed`` and ``settings``; values of JSON.
        """
        ...

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Log finite numbers by name, such as ``{"train/loss": 2.31}``.

        Args:
            metrics: names begin with their stage and a slash; every stage counts its own steps.
            step: steps that the stage has done.
        """
        ...

    def finish(self, record: Mapping[str, Any] | None) -> None:
        """End the run.

        Args:
            record: the record of the run as JSON; None if the run failed or was interrupted.
        """
        ...


class LaunchedJobs(Protocol):
    """The jobs of one call of `Launcher.launch`."""

    def poll(self) -> Sequence[JobStatus]:
        """Return the state of every job now, in the order of the jobs; it does not wait.

        It is called several times a second. A launcher that asks a scheduler does so less often
        and returns the states of its last answer. A final state does not change any more.
        """
        ...

    def cancel(self) -> None:
        """End every job that has not ended, and return when none of them runs any more."""
        ...


@runtime_checkable
class Launcher(Protocol):
    """Places jobs on GPUs or machines, and runs a job that was killed again.

    What a job needs (GPUs, cores, memory, minutes) and the number of jobs at once are options of
    the factory, because users type them there: ``local:gpus=8``, ``slurm:at_once=32,gpus=1``. A
    factory checks its options and imports what the launcher needs; it neither connects nor
    submits. An option that is not valid, or a missing extra, is a `UsageError`. An engine that
    refuses is a `DataError`, with the engine's own words in one line.
    """

    portions: int
    """Number of jobs into which `extract` divides its work, at least 1."""
    outlives_command: bool
    """Whether jobs go on after the command that launched them has ended."""

    def launch(self, jobs: Sequence[Job]) -> LaunchedJobs:
        """Start jobs, or let them wait for a free place, and return at once.

        It is called again when more jobs can start: a sweep launches the runs of a data set
        after the first one has rendered it. A limit of jobs at once counts over all calls. A job
        that ends with exit code 0 is done. Each job runs ``python ARGUMENTS`` in a process whose
        interpreter is that of the machine, as `egoexobench.toolbox.job_process.run_job` does. A
        job that a signal or a machine ended (`is_killed`) is started again, as often as the
        option ``retries`` says. Any other exit code is final: the job fails, its exit code is in
        the status, and its reason is the last line of its standard error.

        Raises:
            DataError: if the engine refuses the jobs; none of them is started then.
        """
        ...
