"""What a plug-in implements: Protocols, so that a plug-in inherits nothing.

A factory's keyword-only parameters are the part's options; what the harness itself supplies
(``width``, ``scale``) comes as positional parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from egoexobench.types import (
        AnnotationIssue,
        Audio,
        Clip,
        Frames,
        LabelSpace,
        Modality,
        Pair,
        Query,
        Split,
        Task,
        Tokens,
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
    """Shows how far a stage is."""

    def stage(self, name: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Return a context that gives ``advance(n)``; the stage ends with the context."""
        ...


@runtime_checkable
class Dataset(Protocol):
    """Annotations of one data set; media are named here and opened by the harness alone."""

    @property
    def fingerprint(self) -> str:
        """Hash of everything that decides clips, labels, candidate lists and media."""
        ...

    def prepare(self, progress: Progress) -> None:
        """Make sure that the media are there: render them, or check that they exist."""
        ...

    def clips(self, split: Split) -> Sequence[Clip]:
        """Every clip of the split, both views."""
        ...

    def pairs(self, split: Split) -> Sequence[Pair]:
        """Every ego-exo pair of the split."""
        ...

    def queries(self, split: Split, task: Task) -> Sequence[Query]:
        """The published 20-way candidate lists (``mcq20``) of a retrieval task; may be empty."""
        ...


@runtime_checkable
class HasAnnotationIssues(Protocol):
    """What a data set may have beside: an account of the rows that it does not use as they are."""

    @property
    def findings(self) -> Sequence[AnnotationIssue]:
        """Each by file and row, with what is wrong and whether it was left out."""
        ...


@runtime_checkable
class HasMissingFiles(Protocol):
    """What a data set may have beside: files that its root does not hold."""

    @property
    def missing(self) -> Mapping[str, str]:
        """Each file that is not there, and what there is none of without it."""
        ...


@runtime_checkable
class HasRowLocations(Protocol):
    """What a data set may have beside: where in its files each clip is written."""

    @property
    def where(self) -> Mapping[str, str]:
        """Clip id to file and row."""
        ...


@runtime_checkable
class HasListVersions(Protocol):
    """What a data set may have beside: which version of its lists a split asks from."""

    @property
    def versions(self) -> Mapping[Split, str]:
        """Version of the lists, or the rule that draws them with its options, by split."""
        ...


@runtime_checkable
class HasLabelSpace(Protocol):
    """What a data set may have beside: its own protocol of the recognition tasks."""

    def classes(self, task: Task) -> LabelSpace | None:
        """The clips and classes of a task; None is the paper's, with every label that occurs."""
        ...


@runtime_checkable
class HasTemporalAlignment(Protocol):
    """What a data set may have beside: a word on the two views' time."""

    @property
    def alignable(self) -> bool:
        """Whether both clips of a pair show the same acts in the same order, each at its pace."""
        ...


@runtime_checkable
class HasResolution(Protocol):
    """What an encoder of pictures may have beside: the side that it looks at."""

    @property
    def resolution(self) -> int:
        """Pixels along a side of the picture after its crop."""
        ...


@runtime_checkable
class Captioner(Protocol):
    """Writes what a scene sounds like from its narration, as a closed caption (paper, 3.2)."""

    def caption(self, narrations: Sequence[str]) -> Sequence[str]:
        """``[source] (effect), ...`` for each narration: same length, same order."""
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
            CaptionerUnavailableError: if no further response can come.
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
        """What it reads."""
        ...

    @property
    def dim(self) -> int:
        """D of its tokens."""
        ...

    @property
    def frozen(self) -> bool:
        """Whether it runs once, and is stored, or is trained."""
        ...

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.generic]:
        """Decoded frames, sound or text to an array ``(T0, ...)``."""
        ...

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """``values (B, T0, ...)`` and ``mask (B, T0)`` to tokens ``(B, T, dim)``."""
        ...


@runtime_checkable
class Fusion(Protocol):
    """Query tokens attend to context tokens.

    A row whose query has no token at all (a clip without sound) is embedded from its context.
    """

    def __call__(self, query: Tokens, context: Tokens) -> Tensor:
        """Tokens ``(B, Tq, D)`` and ``(B, Tc, D)`` to embeddings ``(B, D)``."""
        ...


@runtime_checkable
class Anchor(Protocol):
    """The embedding that both videos of a pair are pulled to (paper, Table 6)."""

    @property
    def required_inputs(self) -> tuple[AnchorInput, ...]:
        """Which embeddings the harness computes and hands over."""
        ...

    @property
    def eval_text(self) -> AnchorText:
        """Which text embedding stands for a text at test time."""
        ...

    def __call__(self, embeddings: Mapping[AnchorInput, Tensor]) -> tuple[Tensor, Tensor]:
        """The needed ``(B, D)`` embeddings to the targets of the ego and of the exo videos."""
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
        pairs: Sequence[Pair],
    ) -> Tensor:
        """Four ``(B, D)`` embeddings of unit length and their pairs to a scalar."""
        ...
