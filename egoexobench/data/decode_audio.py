"""Decode the sound of a span, exactly as long as the span and on the clock of its file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from egoexobench.data.audio_levels import SILENCE_PEAK
from egoexobench.data.clip_timing import END_TOLERANCE_S, MediaClock
from egoexobench.data.decoded_clip import Interval, SpanAudio
from egoexobench.data.downmix import AUDIO_SAMPLE_RATE, GAP_TOLERANCE_S, AudioCollector
from egoexobench.data.open_media import open_media
from egoexobench.data.packet_reader import PacketPlaces, open_packets
from egoexobench.data.tracks import ChosenTrack, check_decoder, discard_others
from egoexobench.errors import MediaError

_PREROLLS_S = (END_TOLERANCE_S, 1.0 + END_TOLERANCE_S)
"""How much before the span decoding starts, s; then at the start of the file."""
_INEXACT_FORMATS = {"mpeg", "mpegts"}
"""Formats without an index: a seek can end inside a packet, or after the time that was meant."""


@dataclass(frozen=True, slots=True)
class _DecodedPart:
    """What was decoded from one place of a file on."""

    collector: AudioCollector
    has_frames: bool
    """Whether anything was decoded, at whatever time."""
    is_lossy: bool
    """Whether packets before the first sound did not decode."""


@dataclass(frozen=True, slots=True)
class _AudioSpan:
    """What is decoded: a track of a file, between two times on the clock of the file, s."""

    path: str
    track: ChosenTrack
    clock: MediaClock
    start: float
    end: float
    sample_rate: int
    """Of the result, Hz."""

    def make_collector(self, *, has_peak: bool) -> AudioCollector:
        return AudioCollector(
            self.path,
            start=self.start,
            num_samples=round((self.end - self.start) * self.sample_rate),
            sample_rate=self.sample_rate,
            has_peak=has_peak,
        )


def decode_span_audio(
    container: Any,
    track: ChosenTrack,
    path: str,
    *,
    clock: MediaClock,
    start: float,
    end: float,
    sample_rate: int = AUDIO_SAMPLE_RATE,
) -> tuple[NDArray[np.float32], SpanAudio | None]:
    """Decode the sound between two times, s.

    Silence stands where the file has no sound: before a late start, in gaps and after the end.

    Returns:
        Mono samples ``(S,)`` at `sample_rate`; none for a track without any packet.

    Raises:
        MediaError: if the track has sound, but none between the two times.
    """
    check_decoder(container, track, path)
    span = _AudioSpan(path, track, clock, start=start, end=end, sample_rate=sample_rate)
    passage = _decode_passage(container, span)
    first = passage.collector.start
    if passage.is_lossy and (first is None or first > start + GAP_TOLERANCE_S):
        raise MediaError(
            "undecodable", f"{path}: the audio at {start:g} s is damaged and does not decode"
        )
    if not passage.has_frames:
        return np.zeros(0, np.float32), None
    collector = passage.collector
    first_sample, last_sample = collector.filled
    if first_sample >= last_sample:
        raise MediaError(
            "no_audio", f"the audio track of {path} has no sound in the clip {start:g}-{end:g} s"
        )
    report = SpanAudio(
        track=track,
        offset=first_sample / sample_rate,
        silences=_list_silences(collector, span),
        channels_cancel=_find_canceling(container, span, collector),
    )
    return collector.samples, report


def _find_canceling(container: Any, span: _AudioSpan, collector: AudioCollector) -> bool:
    """Return whether the channels of a span have sound although their mean has none."""
    samples = collector.samples
    if collector.num_channels < 2 or max(samples.max(), -samples.min()) > SILENCE_PEAK:
        return False
    return _decode_passage(container, span, has_peak=True).collector.channel_peak > SILENCE_PEAK


def _list_silences(collector: AudioCollector, span: _AudioSpan) -> tuple[Interval, ...]:
    """Return where silence was filled in, s after the start of the span."""
    start, length = span.start, span.end - span.start
    before, after = (sample / span.sample_rate for sample in collector.filled)
    gaps = [(max(first - start, 0.0), min(last - start, length)) for first, last in collector.gaps]
    intervals = [(0.0, before), *gaps, (after, length)]
    return tuple(part for part in intervals if part[1] - part[0] > GAP_TOLERANCE_S)


def _decode_passage(container: Any, span: _AudioSpan, *, has_peak: bool = False) -> _DecodedPart:
    if span.clock.joined_packets is not None:
        return _collect_frames(_iter_joined(span), span, has_peak=has_peak)
    stream = container.streams[span.track.index]
    discard_others(container, stream)
    is_exact = container.format.name not in _INEXACT_FORMATS
    for preroll in (*_PREROLLS_S, span.start):
        seek_time = max(span.start - preroll, 0.0)
        try:
            container.seek(int((seek_time + span.clock.origin) / stream.time_base), stream=stream)
        except PermissionError:  # PyAV's name for FFmpeg's -1: one cannot seek in every file
            return _decode_from_start(span, has_peak=has_peak)
        passage = _collect_frames(_iter_frames(container, stream, span), span, has_peak=has_peak)
        first = passage.collector.start
        is_early = first is not None and first <= span.start
        if seek_time == 0.0 or is_early or (is_exact and not passage.is_lossy):
            break
    return passage


def _decode_from_start(span: _AudioSpan, *, has_peak: bool) -> _DecodedPart:
    with open_media(span.path) as fresh:
        stream = fresh.streams[span.track.index]
        return _collect_frames(_iter_frames(fresh, stream, span), span, has_peak=has_peak)


_TimedFrame = tuple[float | None, Any | None]
"""Time and frame; no frame stands for a packet that does not decode."""


def _collect_frames(
    frames: Iterable[_TimedFrame], span: _AudioSpan, *, has_peak: bool
) -> _DecodedPart:
    collector = span.make_collector(has_peak=has_peak)
    has_frames = is_lossy = False
    for time, frame in frames:
        if frame is None:
            is_lossy = True
            continue
        has_frames = True
        if time is not None and time >= span.end:
            break
        if time is not None and time <= span.start and collector.measure_gap(time) > 0:
            collector = span.make_collector(has_peak=has_peak)  # nothing before it counts
        collector.add_frame(frame, time)
    collector.finish()
    return _DecodedPart(collector, has_frames=has_frames, is_lossy=is_lossy)


def _iter_frames(container: Any, stream: Any, span: _AudioSpan) -> Iterator[_TimedFrame]:
    """Yield frames from here on; what does not decode before the first one can be half a packet."""
    has_frames, origin = False, span.clock.origin
    try:
        for frame in container.decode(stream):  # faster than a loop over packets
            has_frames, time = True, frame.time
            yield None if time is None else time - origin, frame
    except av.FFmpegError:
        if has_frames:
            raise
        yield None, None
    else:
        return
    for packet in container.demux(stream):
        try:
            for timed in _time_frames(packet.decode(), span):
                has_frames = True
                yield timed
        except av.FFmpegError:
            if has_frames:
                raise
            yield None, None


def _iter_joined(span: _AudioSpan) -> Iterator[_TimedFrame]:
    """Yield the frames of a file that was joined, with times that do not start again."""
    packets = [p for p in span.clock.joined_packets or () if p.stream == span.track.index]
    times = [np.nan if packet.pts is None else packet.pts - span.clock.origin for packet in packets]
    after_start = np.flatnonzero(np.array(times) > span.start - _PREROLLS_S[-1])
    after_end = np.flatnonzero(np.array(times) > span.end + END_TOLERANCE_S)
    first = max(int(after_start[0]) - 1, 0) if after_start.size else max(len(packets) - 1, 0)
    end = int(after_end[0]) + 1 if after_end.size else None
    places = PacketPlaces.from_packets(packets)
    with open_packets(span.path, span.track.index, places, first=first, end=end) as (stream, items):
        for position, packet in items:
            pts = packets[position].pts
            packet.pts = packet.dts = None if pts is None else round(pts / packet.time_base)
            yield from _time_frames(packet.decode(), span)
        yield from _time_frames(stream.codec_context.decode(None), span)


def _time_frames(frames: Iterable[Any], span: _AudioSpan) -> Iterator[_TimedFrame]:
    for frame in frames:
        yield None if frame.time is None else frame.time - span.clock.origin, frame
