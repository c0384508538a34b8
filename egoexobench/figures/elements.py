"""Draws the elements of a page: the header of a row, a clip with its sound, a text."""

from __future__ import annotations

from typing import NamedTuple

from egoexobench.figures.drawing import (
    CAPTION_COLOR,
    MUTED,
    PALE,
    PAPER,
    Canvas,
    replace_control_chars,
)
from egoexobench.figures.layout import Card, ClipPreview, RetrievalRow

WIDTH, MARGIN, GAP, PAD = 1600, 36, 14, 10
"""Width of the page, of its margin, between columns and within frames, in pixels."""
TITLE_PX, HEAD_PX, TEXT_PX, SMALL_PX = 28, 24, 19, 17
"""Font sizes."""
WAVEFORM_PX = 40
"""Height of a waveform."""
MAX_LINES = 7
"""Largest number of lines of a narration, and of a sound caption."""
MAX_FRAME_PX = 400
"""Largest height of a frame."""


class Area(NamedTuple):
    """The top left corner and the width of what is drawn, in pixels."""

    x: int
    y: int
    width: int

    def move_to(self, y: int) -> Area:
        """Return the same columns from another height on."""
        return self._replace(y=y)


def draw_row_header(canvas: Canvas, row: RetrievalRow, y: int) -> int:
    """Draw the name of a run and, on the right, the rank of its answer; return the y below."""
    summary_px, right = SMALL_PX + 2, WIDTH - MARGIN
    canvas.write_lines(right, y + 3, [row.rank_summary], summary_px, color=MUTED, aligns_right=True)
    summary_width = canvas.measure_width(row.rank_summary, summary_px)
    width = WIDTH - 2 * MARGIN - summary_width - 2 * GAP
    return canvas.write_text(MARGIN, y, row.name, HEAD_PX, width=width, max_lines=2) + 4


def draw_preview(canvas: Canvas, preview: ClipPreview, area: Area, ratio: float) -> int:
    """Draw frames and, below them, the waveform on the same time axis."""
    height = min(round(ratio * area.width / len(preview.pixels)), MAX_FRAME_PX)
    right, y = area.x + area.width, area.y + height
    canvas.draw_frames((area.x, area.y, right, y), preview.pixels)
    y += 6
    if preview.peaks is None:
        _draw_missing_audio(canvas, preview, area.move_to(y))
    else:
        canvas.draw_waveform((area.x, y, right, y + WAVEFORM_PX), preview.peaks)
    return y + WAVEFORM_PX + 8


def _draw_missing_audio(canvas: Canvas, preview: ClipPreview, area: Area) -> None:
    """Draw a flat line, and on it why there is no waveform."""
    label = "no audio track" if preview.state == "no_track" else preview.state
    middle = area.y + WAVEFORM_PX // 2
    canvas.draw.line((area.x, middle, area.x + area.width, middle), PALE, 1)
    label_width = canvas.measure_width(label, SMALL_PX)
    x = area.x + (area.width - label_width) // 2
    canvas.draw.rectangle((x - 6, area.y, x + label_width + 6, area.y + WAVEFORM_PX), PAPER)
    y = area.y + (WAVEFORM_PX - SMALL_PX) // 2
    canvas.write_lines(x, y, [label], SMALL_PX, color=MUTED)


def draw_text(canvas: Canvas, card: Card, area: Area, pixels: int) -> int:
    """Draw the narration and, below it, the sound caption."""
    y, width = area.y, area.width
    if replace_control_chars(card.text):
        y = canvas.write_text(area.x, y, card.text, pixels, width=width, max_lines=MAX_LINES)
    else:
        y = canvas.write_lines(area.x, y, ["(no narration)"], pixels, color=MUTED)
    if card.caption:
        y = canvas.write_text(
            area.x,
            y + 5,
            card.caption,
            pixels,
            width=width,
            max_lines=MAX_LINES,
            color=CAPTION_COLOR,
        )
    return y
