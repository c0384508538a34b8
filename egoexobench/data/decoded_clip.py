"""What decoding a clip returns: frames, audio, and where in the file they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from egoexobench.data.tracks import ChosenTrack
from egoexobench.types import Audio, Frames

AudioState = Literal["audible", "silent", "no_track", "not_requested"]
Interval = tuple[float, float]
"""Start and end, s."""


@dataclass(frozen=True, slots=True)
class SampledFrames:
    """Which frames of a file were taken; times are on the clock of the file, as those of a clip."""

    track: ChosenTrack
    indices: tuple[int, ...]
    """Position of each frame among the frames of the file that are presented."""
    times: tuple[float, ...]
    nominal_indices: tuple[int, ...]
    """Indices that the released rule reads, which multiplies seconds by the nominal rate; the same
    for a constant rate, and empty if the released rule fails."""
    num_file_frames: int
    fps: float
    is_constant: bool
    """Whether all frames stand where the nominal rate says."""
    rotation: int
    """Degrees by which the frames were turned counterclockwise: 0, 90, 180 or 270."""


@dataclass(frozen=True, slots=True)
class SpanAudio:
    """The sound of a span; times are relative to the start of the span, s."""

    track: ChosenTrack
    offset: float
    """Time at which the sound starts: 0, or the length of the silence before it."""
    silences: tuple[Interval, ...]
    """Where the file has no sound and silence was filled in."""
    channels_cancel: bool
    """The channels have sound and their mean has none."""


@dataclass(frozen=True, slots=True)
class DecodedClip:
    """Frames and audio of a clip; ``audio`` is None unless ``state`` is ``audible``."""

    frames: Frames | None
    audio: Audio | None
    state: AudioState
    sampled: SampledFrames | None = None
    """Where the frames stand; None without frames."""
    span_audio: SpanAudio | None = None
    """Where the sound stands; None without a track that has sound."""
    samples: NDArray[np.float32] | None = None
    """The mono samples ``(S,)``, also if they are silent; None without a track or a request."""
