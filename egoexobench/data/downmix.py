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
"""Sample rate of decoded audio that nobody asks for at another one, Hz."""
GAP_TOLERANCE_S = 0.03
"""Sound that is up to this much away from where its time says stays where it is, s."""
BLOCK_SIZE = 16_000
"""Samples that are mixed and resampled together: smaller blocks cost more calls, and larger ones
memory that the system must hand out anew for each clip."""


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
    if len(others) == 1:
        out *= 0.5  # the same as a division by 2, and faster
        return out
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
    """Mixes and resamples the audio of a span; the result does not depend on the block size.

    Frames stand where their times say: silence fills a gap, and an overlap is cut. What is before
    or after the span is left out.

    Args:
        path: the file, for error messages.
        start: start of the span, s.
        num_samples: length of the span, in samples at `sample_rate`.
        sample_rate: of the result, Hz.
        has_peak: measure the peak of the channels as well.
    """

    def __init__(
        self,
        path: str,
        *,
        start: float,
        num_samples: int,
        sample_rate: int = AUDIO_SAMPLE_RATE,
        has_peak: bool = False,
    ) -> None:
        self._path = path
        self._output_rate = sample_rate
        self._span_start = start
        self._has_peak = has_peak
        self._to_planar_float = av.AudioResampler(format="fltp")
        self._queue = av.AudioFifo()
        self._resampler = av.AudioResampler(format="fltp", layout="mono", rate=sample_rate)
        self._is_planar_float = False
        self._sample_rate = 0
        self._num_input_samples = 0
        self._position = 0
        self.samples: NDArray[np.float32] = np.zeros(num_samples, np.float32)
        """Mono samples ``(S,)`` of the span; complete after `finish`."""
        self.start: float | None = None
        """Time of the first sample, s; None without a frame."""
        self.gaps: list[tuple[float, float]] = []
        """Start and end of the silence that was filled in, s."""
        self.channel_peak = 0.0
        """Highest absolute value in any channel."""
        self.num_channels = 0
        """Number of channels before the mix."""

    @property
    def filled(self) -> tuple[int, int]:
        """The first sample of the span that the file has, and the one after the last."""
        first = max(self._find_start_position(), 0)
        return first, max(first, min(self._position, len(self.samples)))

    def measure_gap(self, time: float) -> float:
        """Return how long after the end of what is collected a time is, s.

        The result is negative for an overlap, and 0 for up to `GAP_TOLERANCE_S`, because containers
        round times.
        """
        if self.start is None:
            return 0.0
        gap = time - self.start - self._num_input_samples / self._sample_rate
        return gap if abs(gap) > GAP_TOLERANCE_S else 0.0

    def add_frame(self, frame: Any, time: float | None) -> None:
        """Add a decoded audio frame that starts at a time, s; None is where the last one ends.

        Raises:
            MediaError: if the sample rate or the channels change within the file.
        """
        if self.start is None:
            self._start_at(time or 0.0, frame)
        gap = 0.0 if time is None else self.measure_gap(time)
        try:
            # the queue and the converter refuse another rate or format, but not other channels
            if frame.layout.nb_channels != self.num_channels:
                raise ValueError
            if gap or not self._is_planar_float:
                self._add_unready(frame, gap)
            else:
                self._write(frame)
        except ValueError as error:
            raise MediaError(
                "undecodable", f"{self._path}: the sample rate or the channels of its audio change"
            ) from error
        while self._queue.samples >= BLOCK_SIZE:
            self._add_block(self._queue.read(BLOCK_SIZE))

    def _start_at(self, time: float, frame: Any) -> None:
        self.start, self._sample_rate = time, frame.sample_rate
        self.num_channels = frame.layout.nb_channels
        # most decoders return planar floats: a conversion would only copy them
        self._is_planar_float = frame.format.name == "fltp"
        self._position = self._find_start_position()

    def _add_unready(self, frame: Any, gap: float) -> None:
        """Add a frame that is not where the last one ends, or that is not of planar floats."""
        if gap > 0:
            self._add_silence(frame, gap)
        for part in (frame,) if self._is_planar_float else self._to_planar_float.resample(frame):
            self._write(part if gap >= 0 else _cut_start(part, round(-gap * frame.sample_rate)))

    def _find_start_position(self) -> int:
        return round(((self.start or 0.0) - self._span_start) * self._output_rate)

    def _add_silence(self, frame: Any, seconds: float) -> None:
        end = (self.start or 0.0) + self._num_input_samples / frame.sample_rate
        self.gaps.append((end, end + seconds))
        zeros = np.zeros((frame.layout.nb_channels, round(seconds * frame.sample_rate)), np.float32)
        silence = av.AudioFrame.from_ndarray(zeros, format="fltp", layout=frame.layout)
        silence.rate = frame.sample_rate
        self._write(silence)

    def _write(self, part: Any) -> None:
        if part is None:
            return
        part.pts = None  # the times were heeded before
        self._num_input_samples += part.samples
        self._queue.write(part)

    def finish(self) -> None:
        """Complete the samples; call it once, after the last frame."""
        if block := self._queue.read():
            self._add_block(block)
        if self._sample_rate != self._output_rate:
            self._resample(None)

    def _add_block(self, block: Any) -> None:
        if self._has_peak:
            peaks = [float(np.abs(channel).max()) for channel in get_channel_views(block)]
            self.channel_peak = max(self.channel_peak, *peaks)
        mono = av.AudioFrame(format="fltp", layout="mono", samples=block.samples)
        mixed = downmix_block(block, get_channel_views(mono)[0])
        if self._sample_rate == self._output_rate:
            self._put(mixed)
            return
        mono.rate = self._sample_rate
        self._resample(mono)

    def _resample(self, frame: Any) -> None:
        for part in self._resampler.resample(frame):
            self._put(get_channel_views(part)[0])

    def _put(self, samples: NDArray[np.float32]) -> None:
        """Write samples to where the last ones end, as far as they are in the span."""
        first, self._position = self._position, self._position + len(samples)
        inside = samples[max(-first, 0) : max(len(self.samples) - first, 0)]
        if inside.size:
            self.samples[max(first, 0) : max(first, 0) + inside.size] = inside
