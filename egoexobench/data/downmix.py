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


@final
class AudioCollector:
    """Mixes and resamples audio block by block; the result does not depend on the block size."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._to_planar_float = av.AudioResampler(format="fltp")
        self._queue = av.AudioFifo()
        self._resampler = av.AudioResampler(format="fltp", layout="mono", rate=AUDIO_SAMPLE_RATE)
        self._frame_format: tuple[int, int, str] | None = None
        self._sample_rate = 0
        self._parts: list[NDArray[np.float32]] = []

    def add_frame(self, frame: Any) -> None:
        """Add a decoded audio frame.

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
        for part in self._to_planar_float.resample(frame):
            part.pts = None  # samples are contiguous, whatever the timestamps say
            self._queue.write(part)
        while self._queue.samples >= BLOCK_SIZE:
            self._add_block(self._queue.read(BLOCK_SIZE))

    def finish(self) -> NDArray[np.float32]:
        """Return all samples ``(S,)``; call it once, after the last frame."""
        if block := self._queue.read():
            self._add_block(block)
        if self._sample_rate != AUDIO_SAMPLE_RATE:
            self._resample(None)
        return np.concatenate([np.zeros(0, np.float32), *self._parts])

    def _add_block(self, block: Any) -> None:
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
