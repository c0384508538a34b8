"""Draws a contact sheet of a span: frames with their times, above the waveform."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egoexobench.data.decode import DecodedClip
from egoexobench.data.doctor.inspect_span import FramePosition, SpanInspection
from egoexobench.data.doctor.span_report import format_frame, format_span
from egoexobench.figures.drawing import (
    CAPTION_COLOR,
    MUTED,
    PALE,
    PAPER,
    Canvas,
    Typeface,
    get_line_height,
)
from egoexobench.figures.elements import (
    GAP,
    MARGIN,
    MAX_FRAME_PX,
    SMALL_PX,
    TEXT_PX,
    TITLE_PX,
    WIDTH,
    Area,
)
from egoexobench.figures.previews import compute_waveform_peaks
from egoexobench.files import atomic_path

FRAMES_PER_ROW = 6
NUM_PEAKS = 400
SOUND_PX = 120
"""Height of the waveform."""
NUM_TIMES = 8
"""Times below the waveform."""
LABEL_PX = 34
"""Height of the label below a frame."""
MAX_HEADER_PX = 400
"""A height that title, times and notes do not reach."""


def write_sheet(path: Path, report: SpanInspection, decoded: DecodedClip) -> None:
    """Write the contact sheet of a decoded span as a PNG.

    Raises:
        WriteError: if it cannot be written.
    """
    image = draw_sheet(report, decoded, Typeface())
    with atomic_path(path) as tmp_path:
        image.save(tmp_path, "PNG", optimize=True)


def draw_sheet(report: SpanInspection, decoded: DecodedClip, typeface: Typeface) -> Image.Image:
    """Return the contact sheet of a decoded span, `WIDTH` pixels wide."""
    area = Area(MARGIN, MARGIN, WIDTH - 2 * MARGIN)
    num_rows = -(-report.num_frames // FRAMES_PER_ROW)
    height = MAX_HEADER_PX + num_rows * (MAX_FRAME_PX + LABEL_PX) + SOUND_PX
    canvas = Canvas(Image.new("RGB", (WIDTH, height), PAPER), typeface)
    y = _draw_header(canvas, report, area) + GAP
    if report.video and decoded.frames is not None:
        y = _draw_frames(canvas, report.video.frames, decoded.frames.pixels, area.move_to(y))
    y = _draw_sound(canvas, report, decoded, area.move_to(y + GAP))
    return canvas.image.crop((0, 0, WIDTH, y + MARGIN))


def _draw_header(canvas: Canvas, report: SpanInspection, area: Area) -> int:
    name, span = Path(report.path).name, format_span(report)
    y = canvas.write_text(area.x, area.y, name, TITLE_PX, width=area.width, max_lines=2)
    return canvas.write_text(area.x, y, span, TEXT_PX, width=area.width, max_lines=2, color=MUTED)


def _draw_frames(
    canvas: Canvas,
    positions: Sequence[FramePosition],
    pixels: NDArray[np.uint8],
    area: Area,
) -> int:
    """Draw frames in rows, each above its index and time; return the y below."""
    column = (area.width + 3) / min(len(positions), FRAMES_PER_ROW)
    height = min(round(column * pixels.shape[1] / pixels.shape[2]), MAX_FRAME_PX)
    y = area.y
    for first in range(0, len(positions), FRAMES_PER_ROW):
        row = positions[first : first + FRAMES_PER_ROW]
        right = area.x + round(column * len(row)) - 3
        canvas.draw_frames((area.x, y, right, y + height), pixels[first : first + len(row)])
        for i, frame in enumerate(row):
            label = format_frame(frame.index, frame.time)
            x = round(area.x + column * i)
            canvas.write_text(x, y + height + 4, label, SMALL_PX, width=round(column), max_lines=1)
        y += height + LABEL_PX
    return y


def _draw_sound(canvas: Canvas, report: SpanInspection, decoded: DecodedClip, area: Area) -> int:
    """Draw the waveform, the silence that was filled in and the times; return the y below."""
    audio, right, bottom = report.audio, area.x + area.width, area.y + SOUND_PX
    seconds = report.end - report.start

    def find_x(offset: float) -> int:
        return round(area.x + area.width * min(max(offset / seconds, 0.0), 1.0))

    for start, end in audio.silences if audio else ():
        canvas.draw.rectangle((find_x(start), area.y, find_x(end), bottom), PALE)
        label = "silence filled in"
        if find_x(end) - find_x(start) > canvas.measure_width(label, SMALL_PX) + GAP:
            canvas.write_lines(find_x(start) + GAP // 2, area.y + 4, [label], SMALL_PX, color=MUTED)
    if decoded.audio is not None:
        peaks = compute_waveform_peaks(decoded.audio.waveform, NUM_PEAKS)
        canvas.draw_waveform((area.x, area.y, right, bottom), peaks)
    else:
        label = "no audio track" if decoded.state == "no_track" else decoded.state
        canvas.write_lines(area.x, area.y + 30, [label], SMALL_PX, color=MUTED)
    for frame in report.video.frames if report.video else ():
        x = find_x(frame.offset)
        canvas.draw.line((x, area.y, x, bottom), CAPTION_COLOR, 2)
    return _draw_times(canvas, report, area.move_to(bottom))


def _draw_times(canvas: Canvas, report: SpanInspection, area: Area) -> int:
    """Draw the time axis of a span, in s of the file; return the y below."""
    canvas.draw.line((area.x, area.y, area.x + area.width, area.y), MUTED, 1)
    for i in range(NUM_TIMES + 1):
        x = area.x + round(area.width * i / NUM_TIMES)
        time = report.start + (report.end - report.start) * i / NUM_TIMES
        canvas.draw.line((x, area.y, x, area.y + 6), MUTED, 1)
        label = f"{time:.3f} s"
        left = max(x - canvas.measure_width(label, SMALL_PX), area.x) if i else x
        canvas.write_lines(left, area.y + 8, [label], SMALL_PX, color=MUTED)
    y = area.y + 8 + get_line_height(SMALL_PX)
    if not report.video:
        return y
    note = "Blue lines: the times of the frames."
    return canvas.write_lines(area.x, y + 4, [note], SMALL_PX, color=MUTED)
