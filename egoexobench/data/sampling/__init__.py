"""Which frames of a span are looked at: the rules of the reference systems, by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Protocol

from egoexobench.data.sampling import egoinstructor, intervals, segments
from egoexobench.data.sampling.segments import Indices, lavila_chunked, segment_centers
from egoexobench.errors import UsageError, unknown_name_message

__all__ = [
    "DEFAULT_SAMPLING",
    "SAMPLERS",
    "Indices",
    "Sampler",
    "get_sampler",
    "lavila_chunked",
    "segment_centers",
]

DEFAULT_SAMPLING = "egoexolearn"
"""The rule of decoding unless another one is named."""
FEATURE_SAMPLER_PREFIX = "egoinstructor-"
"""What the names of the rules begin with that pick stored features instead of frames."""


class Sampler(Protocol):
    """A rule that picks frames of a file for a span of it, in evaluation: without jitter.

    A rule of whole videos ignores the span. For EgoInstructor's rules a frame is a stored
    feature, one a second. Where the reference fails the rule raises `DataError`.
    """

    def __call__(self, fps: float, frames: int, start: float, end: float, count: int, /) -> Indices:
        """Return indices ``(count,)``, or fewer where the rule says so.

        Args:
            fps: frame rate of the file, Hz.
            frames: frames in the file.
            start: start of the span, s.
            end: end of the span, s.
            count: how many indices.

        Raises:
            DataError: the rule gives no frames of this file for this span.
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
    "egoinstructor-mcq": egoinstructor.egoinstructor_mcq,
    "egoinstructor-egomcq": egoinstructor.egoinstructor_mcq,
    "egoinstructor-charades": egoinstructor.egoinstructor_charades,
    "egoinstructor-train-item-ego": egoinstructor.egoinstructor_ego,
    "egoinstructor-train-item-exo": egoinstructor.egoinstructor_exo,
}
"""Every rule by name; :func:`lavila_chunked`, whose video is many files, stands beside them."""


def get_sampler(name: str) -> Sampler:
    """Return the rule of that name that picks frames of a file.

    Raises:
        UsageError: there is none, or it picks stored egoinstructor.
    """
    frames = [known for known in SAMPLERS if not known.startswith(FEATURE_SAMPLER_PREFIX)]
    if name in SAMPLERS and name not in frames:
        raise UsageError(
            f"the sampling {name!r} picks stored features, one a second, not frames; "
            f"of frames there are: {', '.join(sorted(frames))}"
        )
    if name not in SAMPLERS:
        raise UsageError(unknown_name_message("sampling", name, frames))
    return SAMPLERS[name]


def canonical_name(name: str) -> str:
    """Return the one name of a rule that several systems have under names of their own.

    Raises:
        UsageError: there is none, or it picks stored egoinstructor.
    """
    rule = get_sampler(name)
    return next(one for one, other in SAMPLERS.items() if other is rule)
