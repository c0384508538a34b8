"""Mix decoded audio down to mono and resample it to one rate.

The mono mix is the mean of the channels, because decoders differ by a factor of sqrt(2) in theirs,
which moves every log-mel value by 0.69. It is made before resampling, which then has one channel.
"""

from __future__ import annotations

from typing import Any, final

import av
import numpy as np
from numpy.typing import NDArray

from egoexobench.errors import MediaError

AUDIO_SAMPLE_RATE = 16_000
"""Sample rate of all decoded audio, Hz."""
GAP_TOLERANCE_S = 0.03
"""Sound that is up to this much away from where its time says stays where it is, s."""
BLOCK_SIZE = 32_000
"""Samples that are mixed and resampled together: smaller blocks cost more calls, larger blocks do
not fit the processor's cache."""


def get_channel_views(block: Any) -> list[NDArray[np.float32]]:
    """Return a view ``(S,)`` of each channel; the views are valid as long as the block exists."""
    return [np.frombuffer(plane, np.float32, block.samples) for plane in block.planes]


def downmix_block(block: Any, out: NDArray[np.float32]) -> NDArray[np.float32]:
    """Write the mean of the channels of ``block`` into ``out (S,)`` and return ``out``."""
    first, *others = get_channel_views(block)
    if not others:
        out[:] = first
        return out
    np.add(first, others[0], out=out)
    for channel in others[1:]:
        out += channel
    out /= len(others) + 1
    return out


def _cut_start(part: Any, num_samples: int) -> Any | None:
    """Return a frame without its first samples; None if nothing is left."""
    if num_samples >= part.samples:
        return None
    rest = np.ascontiguousarray(np.stack(get_channel_views(part))[:, num_samples:])
    frame = av.AudioFrame.from_ndarray(rest, format="fltp", layout=part.layout)
    frame.rate = part.sample_rate
    return frame


@final
class AudioCollector:
    """Mixes and resamples audio block by block; the result does not depend on the block size.

    Frames stand where their times say: silence fills a gap, and an overlap is cut.

    Args:
        path: the file, for error messages.
        has_peak: measure the peak of the channels as well.
    """

    def __init__(self, path: str, *, has_peak: bool = False) -> None:
        self._path = path
        self._has_peak = has_peak
        self._to_planar_float = av.AudioResampler(format="fltp")
        self._queue = av.AudioFifo()
        self._resampler = av.AudioResampler(format="fltp", layout="mono", rate=AUDIO_SAMPLE_RATE)
        self._frame_format: tuple[int, int, str] | None = None
        self._sample_rate = 0
        self._num_samples = 0
        self._parts: list[NDArray[np.float32]] = []
        self.start: float | None = None
        """Time of the first sample, s; None without a frame."""
        self.gaps: list[tuple[float, float]] = []
        """Start and end of the silence that was filled in, s."""
        self.channel_peak = 0.0
        """Highest absolute value in any channel."""

    @property
    def num_channels(self) -> int:
        """Number of channels before the mix."""
        return self._frame_format[1] if self._frame_format else 0

    def measure_gap(self, time: float) -> float:
        """Return how long after the end of what is collected a time is, s.

        The result is negative for an overlap, and 0 for up to `GAP_TOLERANCE_S`, because containers
        round times.
        """
        if self.start is None or not self._sample_rate:
            return 0.0
        gap = time - self.start - self._num_samples / self._sample_rate
        return gap if abs(gap) > GAP_TOLERANCE_S else 0.0

    def add_frame(self, frame: Any, time: float | None) -> None:
        """Add a decoded audio frame that starts at a time, s; None is where the last one ends.

        Raises:
            MediaError: if the sample rate or the channels change within the file.
        """
        frame_format = frame.sample_rate, frame.layout.nb_channels, frame.format.name
        # a queue would read channels that the frame does not have
        if frame_format != (self._frame_format or frame_format):
            raise MediaError(
                "undecodable", f"{self._path}: the sample rate or the channels of its audio change"
            )
        self._frame_format, self._sample_rate = frame_format, frame.sample_rate
        if self.start is None:
            self.start = time or 0.0
        gap = 0.0 if time is None else self.measure_gap(time)
        if gap > 0:
            self._add_silence(frame, gap)
        # most decoders return planar floats: a conversion would only copy them
        is_planar_float = frame_format[2] == "fltp"
        for part in (frame,) if is_planar_float else self._to_planar_float.resample(frame):
            self._write(part if gap >= 0 else _cut_start(part, round(-gap * frame.sample_rate)))
        while self._queue.samples >= BLOCK_SIZE:
            self._add_block(self._queue.read(BLOCK_SIZE))

    def _add_silence(self, frame: Any, seconds: float) -> None:
        end = (self.start or 0.0) + self._num_samples / frame.sample_rate
        self.gaps.append((end, end + seconds))
        zeros = np.zeros((frame.layout.nb_channels, round(seconds * frame.sample_rate)), np.float32)
        silence = av.AudioFrame.from_ndarray(zeros, format="fltp", layout=frame.layout)
        silence.rate = frame.sample_rate
        self._write(silence)

    def _write(self, part: Any) -> None:
        if part is None:
            return
        part.pts = None  # the times were heeded before
        self._num_samples += part.samples
        self._queue.write(part)

    def finish(self) -> NDArray[np.float32]:
        """Return all samples ``(S,)``; call it once, after the last frame."""
        if block := self._queue.read():
            self._add_block(block)
        if self._sample_rate != AUDIO_SAMPLE_RATE:
            self._resample(None)
        return np.concatenate([np.zeros(0, np.float32), *self._parts])

    def _add_block(self, block: Any) -> None:
        if self._has_peak:
            peaks = [float(np.abs(channel).max()) for channel in get_channel_views(block)]
            self.channel_peak = max(self.channel_peak, *peaks)
        if self._sample_rate == AUDIO_SAMPLE_RATE:
            self._parts.append(downmix_block(block, np.empty(block.samples, np.float32)))
            return
        mono = av.AudioFrame(format="fltp", layout="mono", samples=block.samples)
        downmix_block(block, get_channel_views(mono)[0])
        mono.rate = self._sample_rate
        self._resample(mono)

    def _resample(self, frame: Any) -> None:
        for part in self._resampler.resample(frame):
            self._parts += get_channel_views(part)  # views keep their block alive
