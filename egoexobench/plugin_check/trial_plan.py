"""Which tiny runs the parts of a distribution take part in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import get_args

from egoexobench.errors import UsageError
from egoexobench.method import Scale
from egoexobench.plugin_check.examples import TOKEN_WIDTH, PartExample
from egoexobench.protocols import SequenceObjective
from egoexobench.spec import Spec
from egoexobench.types import Modality

TRIAL_DATASET = Spec("synthetic", {"train": "4", "val": "4", "test": "4"})
_BASE, _SINGLE_BASE = Spec("soundbridge"), Spec("video-only")
"""A method with a part in nearly every role, and one with a single encoder."""
_UNTRAINED = {
    **dict.fromkeys(("objective", "anchor", "text", "text_fusion", "captioner"), "none"),
    "project": "false",
    "num_layers": "0",
}
"""Settings with which a method only computes similarities of videos, of any width."""
_VIDEO_ALONE = dict.fromkeys(("anchor", "text", "text_fusion", "captioner"), "none")
"""Settings with which an objective on sequences trains everything that a method has."""
_ROLES: Mapping[str, str] = {
    "anchor": "anchor",
    "captioner": "captioner",
    "fusion": "video_fusion",
    "objective": "objective",
    "scorer": "scorer",
}
"""Role that a part of a kind plays in a trial; an encoder plays that of its modality."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A tiny run, and the parts that it is about."""

    parts: tuple[PartExample, ...]
    method: Spec = _BASE
    scale: Scale = "compact"
    overrides: Mapping[str, str] = field(default_factory=dict)
    dataset: Spec = TRIAL_DATASET
    trackers: tuple[Spec, ...] = ()
    answerer: Spec | None = None
    """Is asked instead of running the method."""

    def divide(self) -> list[Trial]:
        """Return one trial for each part, to find out which of them fails."""
        return [trial for example in self.parts for trial in iter_trials([example])]


def iter_trials(examples: Sequence[PartExample]) -> Iterator[Trial]:
    """Yield runs in which each part takes part once, as few as possible.

    Launchers take part in none: their contract runs jobs.
    """
    columns: dict[str, list[PartExample]] = {}
    for example in examples:
        kind = example.part.kind
        if kind == "method":
            yield Trial((example,), method=example.spec, scale=_find_scale(example))
        elif kind == "answerer":
            yield Trial((example,), answerer=example.spec)
        elif kind == "encoder" and (modality := _read_modality(example)) == "joint":
            overrides = {"joint": str(example.spec), "video": "none"}
            yield Trial((example,), method=_SINGLE_BASE, overrides=overrides)
        elif kind == "fusion" and not _is_trained(example):
            overrides = {"video_fusion": str(example.spec), **_UNTRAINED}
            yield Trial((example,), method=_SINGLE_BASE, overrides=overrides)
        elif kind == "objective" and _is_sequence_objective(example):
            overrides = {"objective": str(example.spec), **_VIDEO_ALONE}
            yield Trial((example,), method=_SINGLE_BASE, overrides=overrides)
        elif kind == "encoder":
            columns.setdefault(modality, []).append(example)
        elif kind in (*_ROLES, "dataset", "tracker"):
            columns.setdefault(_ROLES.get(kind, kind), []).append(example)
    for row in zip_longest(*columns.values()):
        yield _combine_roles({role: part for role, part in zip(columns, row, strict=True) if part})


def _combine_roles(by_role: Mapping[str, PartExample]) -> Trial:
    trackers = [example.spec for role, example in by_role.items() if role == "tracker"]
    return Trial(
        parts=tuple(by_role.values()),
        overrides={
            role: str(example.spec)
            for role, example in by_role.items()
            if role not in ("dataset", "tracker")
        },
        dataset=by_role["dataset"].spec if "dataset" in by_role else TRIAL_DATASET,
        trackers=tuple(trackers),
    )


def _read_modality(example: PartExample) -> Modality:
    """What an encoder reads, as it was registered, or as the encoder itself says."""
    part = example.part
    modality: Modality = part.modality or part.factory(**example.options).modality
    return modality


def _is_trained(example: PartExample) -> bool:
    """Whether a fusion has weights; one without may give vectors of any width."""
    from torch import nn

    fusion = example.part.factory(TOKEN_WIDTH, **example.options)
    return isinstance(fusion, nn.Module) and any(w.requires_grad for w in fusion.parameters())


def _is_sequence_objective(example: PartExample) -> bool:
    """Whether an objective compares the tokens of videos, and so has no targets."""
    return isinstance(example.part.factory(**example.options), SequenceObjective)


def _find_scale(example: PartExample) -> Scale:
    """The first scale at which a method comes."""
    scales: tuple[Scale, ...] = get_args(Scale)
    for scale in scales:
        try:
            example.part.factory(scale, **example.options)
        except UsageError:
            continue
        return scale
    return scales[0]
