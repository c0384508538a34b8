"""Frame sampling rules of the reference systems, by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Protocol, get_args

from egoexobench.data.sampling import egoinstructor, intervals, segments
from egoexobench.data.sampling.segments import Indices, lavila_chunked, segment_centers
from egoexobench.errors import UsageError, format_unknown_name

__all__ = [
    "DEFAULT_SAMPLING",
    "SAMPLERS",
    "FrameSampling",
    "Indices",
    "Sampler",
    "get_sampler",
    "has_jitter",
    "lavila_chunked",
    "reads_every_frame",
    "segment_centers",
]

DEFAULT_SAMPLING = "egoexolearn"
FEATURE_SAMPLER_PREFIX = "egoinstructor-"
"""Names of rules that sample stored features instead of frames start with this."""


class Sampler(Protocol):
    """A rule that samples frames of a clip in evaluation, that is, without jitter.

    Rules for whole videos ignore the bounds of the clip. For EgoInstructor's rules a frame is a
    stored feature, one per second. Where the reference fails, the rule raises `DataError`.
    """

    def __call__(
        self, fps: float, num_frames: int, start: float, end: float, *, count: int
    ) -> Indices:
        """Return frame indices ``(count,)``; another number if the rule documents it.

        Args:
            fps: frame rate of the file, Hz.
            num_frames: number of frames in the file.
            start: start of the clip, s.
            end: end of the clip, s.
            count: number of indices.

        Raises:
            DataError: if the rule has no frames of this file for this clip.
        """
        ...


SAMPLERS: Mapping[str, Sampler] = {
    "egoexolearn": segment_centers,
    "egoexolearn-fixed-fps30": partial(segment_centers, rate=30.0),
    "soundbridge": segment_centers,
    "lavila-single-file": segments.lavila,
    "lavila-single-file-fps30": partial(segments.lavila, rate=30.0),
    "frozen-in-time": intervals.frozen_in_time,
    "egovlp-whole-video": intervals.frozen_in_time,
    "egovlp-start-end": intervals.egovlp_start_end,
    "egovlp-clips": intervals.egovlp_clips,
    "egovlp-charades": intervals.egovlp_charades,
    "viclip": intervals.viclip,
    "seconds": egoinstructor.egoinstructor_frames,
    "every": segments.every_frame,
    "egoinstructor-mcq": egoinstructor.egoinstructor_mcq,
    "egoinstructor-egomcq": egoinstructor.egoinstructor_mcq,
    "egoinstructor-charades": egoinstructor.egoinstructor_charades,
    "egoinstructor-train-item-ego": egoinstructor.egoinstructor_ego,
    "egoinstructor-train-item-exo": egoinstructor.egoinstructor_exo,
}
"""All rules by name; :func:`lavila_chunked`, for videos of several files, has another signature."""

_JITTERED_RULES = {
    segments.segment_centers,
    segments.lavila,
    intervals.frozen_in_time,
    intervals.egovlp_start_end,
    intervals.egovlp_clips,
    intervals.egovlp_charades,
    segments.every_frame,
}
"""Rules that take an argument ``rng`` as well."""

Clock = Literal["file", "nominal"]
UNCOUNTED_RULES = {segments.every_frame}
"""Rules that return as many frames as the clip has, whatever number is requested."""

CLOCKS: tuple[Clock, ...] = get_args(Clock)


@dataclass(frozen=True, slots=True)
class FrameSampling:
    """A rule and the clock that turns seconds into frames.

    The clock ``file`` takes the times that the file gives its frames. ``nominal`` multiplies by the
    nominal rate of the file, as the releases do, and reads other frames of a file with a variable
    rate. For a constant rate both are the same.
    """

    rule: str
    clock: Clock = "file"

    @classmethod
    def parse(cls, text: str) -> FrameSampling:
        """Return what ``RULE`` or ``RULE,clock=nominal`` stands for; ``RULE:clock=...`` works too.

        Raises:
            UsageError: if there is no such rule or option, or the rule samples stored features.
        """
        match = re.fullmatch(r"([^:,]*)(?:[:,](.*))?", text)
        rule, options = (match[1], match[2]) if match else (text, None)
        _check_rule(rule)
        key, _, value = (options or "clock=file").partition("=")
        clocks = [clock for clock in CLOCKS if clock == value]
        if key != "clock" or not clocks:
            raise UsageError(
                f"sampling {text!r}: expected {rule}, {rule},clock=file or {rule},clock=nominal"
            )
        return cls(rule, clocks[0])

    def __str__(self) -> str:
        return self.rule if self.clock == "file" else f"{self.rule},clock={self.clock}"


def get_sampler(name: str) -> Sampler:
    """Return a rule that samples frames; the name may set a clock.

    Raises:
        UsageError: if there is no such rule, or it samples stored features.
    """
    return SAMPLERS[FrameSampling.parse(name).rule]


def has_jitter(name: str) -> bool:
    """Whether a rule can return random frames, as its release does in training.

    Raises:
        UsageError: if there is no such rule, or it samples stored features.
    """
    rule = get_sampler(name)
    return (rule.func if isinstance(rule, partial) else rule) in _JITTERED_RULES


def reads_every_frame(name: str) -> bool:
    """Whether a rule returns as many frames as a clip has, whatever number is requested.

    Raises:
        UsageError: if there is no such rule, or it samples stored features.
    """
    return get_sampler(name) in UNCOUNTED_RULES


def get_canonical_name(name: str) -> str:
    """Return the first name of a rule that is registered under several names, and its clock.

    Raises:
        UsageError: if there is no such rule, or it samples stored features.
    """
    sampling = FrameSampling.parse(name)
    rule = SAMPLERS[sampling.rule]
    first = next(alias for alias, sampler in SAMPLERS.items() if sampler is rule)
    return str(replace(sampling, rule=first))


def _check_rule(name: str) -> None:
    frame_rules = [rule for rule in SAMPLERS if not rule.startswith(FEATURE_SAMPLER_PREFIX)]
    if name in SAMPLERS and name not in frame_rules:
        raise UsageError(
            f"sampling {name!r} returns stored features, not frames; "
            f"choose from {', '.join(sorted(frame_rules))}"
        )
    if name not in SAMPLERS:
        raise UsageError(format_unknown_name("sampling", name, frame_rules))
