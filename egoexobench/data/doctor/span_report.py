"""Format what a run reads of a span as text."""

from __future__ import annotations

from collections.abc import Iterator

from egoexobench.data.doctor.inspect_span import (
    SpanFrames,
    SpanInspection,
    SpanSound,
    TrackReport,
)
from egoexobench.data.media_info import MediaInfo
from egoexobench.visible_text import make_visible_line


def format_inspection(report: SpanInspection) -> Iterator[str]:
    """Yield the lines of a report."""
    info = report.info
    length = "length unknown" if info.seconds is None else f"{info.seconds:.3f} s"
    yield f"{make_visible_line(report.path)}: {info.container}, {length}"
    for track in report.tracks:
        yield f"  {_format_track(track, info)}"
    yield f"{format_span(report)}:"
    if report.video:
        yield from _format_frames(report.video, report.sampling)
    if report.audio:
        yield from _format_sound(report.audio)
    if report.problem is None:
        user = "A run" if report.video else "A run that only listens"
        yield f"{user} can use this span."


def format_span(report: SpanInspection) -> str:
    """Return the span, and the rule that reads its frames if it has any."""
    span = f"Span {report.start:g}-{report.end:.6g} s"
    if not report.num_frames:
        return f"{span}, no frames"
    return f"{span}, {report.num_frames} frames of sampling {report.sampling}"


def format_frame(index: int, time: float) -> str:
    """Return the label of a frame."""
    return f"frame {index}, {time:.3f} s"


def _format_track(track: TrackReport, info: MediaInfo) -> str:
    name = f"track {track.index}: {track.kind} {track.codec}"
    if not track.reason:
        return f"{name}, not used"
    details = ""
    if track.kind == "video" and info.video:
        video = info.video
        details = f" {video.width}x{video.height} at {video.fps:g} fps"
    if track.kind == "audio" and info.audio:
        details = f" {info.audio.sample_rate} Hz, channels: {info.audio.channels}"
    return f"{name}{details}, used: {track.reason}"


def _format_frames(video: SpanFrames, sampling: str) -> Iterator[str]:
    for frame in video.frames:
        yield (
            f"  {format_frame(frame.index, frame.time)}, {frame.offset:.3f} s after the start of "
            "the span"
        )
    rate = "a constant rate" if video.is_constant_rate else "a variable rate"
    yield f"  the film has {video.num_file_frames} frames at {rate}, nominally {video.fps:g} fps"
    if video.rotation:
        yield f"  frames are turned by {video.rotation} degrees counterclockwise, as the file says"
    indices = tuple(frame.index for frame in video.frames)
    if video.released_indices != indices:
        released = ", ".join(map(str, video.released_indices)) or "no frames"
        yield (
            f"  the release of the rule multiplies seconds by the nominal rate and reads {released}"
            f" (--sampling {sampling.partition(',')[0]},clock=nominal)"
        )


def _format_sound(audio: SpanSound) -> Iterator[str]:
    if audio.start is None:
        yield f"  sound: {'no audio track' if audio.state == 'no_track' else audio.state}"
        return
    cancel = ", the channels cancel in their mean" if audio.channels_cancel else ""
    start = "with the span" if audio.start == 0 else f"{audio.start:.3f} s after the span does"
    yield f"  sound: {audio.state}{cancel}, starts {start}"
    for start_s, end_s in audio.silences:
        yield f"  silence is filled in from {start_s:.3f} to {end_s:.3f} s of the span"
