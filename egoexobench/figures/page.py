"""Draws a retrieval figure on a page: title, query, one row for each run, and a legend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egoexobench.figures.drawing import (
    CAPTION_COLOR,
    INK,
    MUTED,
    NEGATIVE_COLOR,
    PALE,
    PAPER,
    POSITIVE_COLOR,
    Canvas,
    Typeface,
    get_line_height,
    replace_control_chars,
    truncate_line,
)
from egoexobench.figures.layout import Candidate, Card, ClipPreview, RetrievalFigure, RetrievalRow

WIDTH, MARGIN, GAP, PAD = 1600, 36, 14, 10
"""Width of the page, of its margin, between columns and within frames, in pixels."""
TITLE_PX, HEAD_PX, TEXT_PX, SMALL_PX = 28, 24, 19, 17
"""Font sizes."""
WAVEFORM_PX = 40
"""Height of a waveform."""
MAX_LINES = 7
"""Largest number of lines of a narration, and of a sound caption."""
QUERY_RATIO = 0.58
"""Share of the page's width for the frames of the query."""
MAX_ASPECT_RATIO = 1.25
"""Largest height over width of the area of a frame."""
MAX_FRAME_PX = 400
"""Largest height of a frame."""
MAX_ROW_PX = 1400
"""A height that no row reaches."""


class Area(NamedTuple):
    """The top left corner and the width of what is drawn, in pixels."""

    x: int
    y: int
    width: int

    def move_to(self, y: int) -> Area:
        """Return the same columns from another height on."""
        return self._replace(y=y)


@dataclass(frozen=True, slots=True)
class ColumnGrid:
    """The columns of the first candidates and, after a gap, of the positive if it is not there."""

    num_columns: int
    has_gap: bool

    @property
    def width(self) -> int:
        """Width of a column."""
        gaps = (self.num_columns - 1) * GAP + (GAP if self.has_gap else 0)
        return (WIDTH - 2 * MARGIN - gaps) // self.num_columns

    def get_area(self, column: int, y: int) -> Area:
        """Return the area of a column from a height on."""
        is_last = column == self.num_columns - 1
        x = MARGIN + column * (self.width + GAP)
        if self.has_gap and is_last:
            x = WIDTH - MARGIN - self.width
        return Area(x, y, self.width)


def draw_page(figure: RetrievalFigure, typeface: Typeface) -> Image.Image:
    """Return the image of a figure, `WIDTH` pixels wide and as high as its content."""
    max_height = MAX_ROW_PX * (len(figure.rows) + 2)
    canvas = Canvas(Image.new("RGB", (WIDTH, max_height), PAPER), typeface)
    has_gap = any(row.positive for row in figure.rows)
    num_columns = max(len(row.first) for row in figure.rows) + has_gap
    grid, ratio = ColumnGrid(num_columns, has_gap), _get_aspect_ratio(figure)
    area = Area(MARGIN, MARGIN, WIDTH - 2 * MARGIN)
    y = _draw_title(canvas, figure, area)
    y = _draw_query(canvas, figure.query, area.move_to(y + GAP), ratio)
    for row in figure.rows:
        y = _draw_row(canvas, row, grid, y=y + 2 * GAP, ratio=ratio)
    y = _draw_legend(canvas, figure, area.move_to(y + 2 * GAP))
    return canvas.image.crop((0, 0, WIDTH, y + MARGIN - GAP))


def _get_aspect_ratio(figure: RetrievalFigure) -> float:
    """Height over width of the area of a frame: that of the tallest frame, within limits."""
    shapes = [card.preview.pixels.shape for card in figure.cards if card.preview]
    return min(max((shape[1] / shape[2] for shape in shapes), default=1.0), MAX_ASPECT_RATIO)


def _draw_title(canvas: Canvas, figure: RetrievalFigure, area: Area) -> int:
    y = canvas.write_text(area.x, area.y, figure.title, TITLE_PX, width=area.width, max_lines=2)
    return canvas.write_text(
        area.x, y, figure.subtitle, TEXT_PX, width=area.width, max_lines=2, color=MUTED
    )


def _draw_query(canvas: Canvas, query: Card, area: Area, ratio: float) -> int:
    """Draw the query in a frame, with its preview on the left and its text on the right."""
    inner = Area(area.x + PAD, area.y + PAD, area.width - 2 * PAD)
    name = f"Query {replace_control_chars(query.id)}"
    line = truncate_line(name, canvas.typeface.load_font(HEAD_PX), inner.width)
    inner = inner.move_to(canvas.write_lines(inner.x, inner.y, [line], HEAD_PX) + 4)
    bottom, text_area = inner.y, inner
    if query.preview:
        width = round(QUERY_RATIO * inner.width)
        bottom = _draw_preview(canvas, query.preview, inner._replace(width=width), ratio)
        left = width + 2 * GAP
        text_area = Area(inner.x + left, inner.y, inner.width - left)
    text_px = TEXT_PX + 2 if query.preview else HEAD_PX
    bottom = max(bottom, _draw_text(canvas, query, text_area, text_px)) + PAD
    box = (area.x, area.y, area.x + area.width, bottom)
    canvas.draw.rounded_rectangle(box, 6, outline=INK, width=2)
    return bottom


def _draw_row(canvas: Canvas, row: RetrievalRow, grid: ColumnGrid, *, y: int, ratio: float) -> int:
    """Draw the candidates of a run; all frames of a row have the same height."""
    summary_px, right = SMALL_PX + 2, WIDTH - MARGIN
    canvas.write_lines(right, y + 3, [row.rank_summary], summary_px, color=MUTED, aligns_right=True)
    summary_width = canvas.measure_width(row.rank_summary, summary_px)
    width = WIDTH - 2 * MARGIN - summary_width - 2 * GAP
    y = canvas.write_text(MARGIN, y, row.name, HEAD_PX, width=width, max_lines=2) + 4
    columns = [(grid.get_area(column, y), item) for column, item in enumerate(row.first)]
    if row.positive:
        columns.append((grid.get_area(grid.num_columns - 1, y), row.positive))
    bottom = max(_draw_candidate(canvas, item, area, ratio) for area, item in columns)
    bottom += get_line_height(SMALL_PX) + PAD + 4
    for area, item in columns:
        _draw_frame(canvas, item, area, bottom)
    if row.positive:
        _draw_divider(canvas, columns[-1][0].x - GAP, y, bottom)
    return bottom


def _draw_frame(canvas: Canvas, candidate: Candidate, area: Area, bottom: int) -> None:
    """Draw the frame of a candidate, and its id at the bottom of the frame."""
    name = _shorten_id(canvas, candidate.card.id, area.width - 2 * PAD)
    y = bottom - PAD - get_line_height(SMALL_PX)
    canvas.write_lines(area.x + PAD, y, [name], SMALL_PX, color=MUTED)
    color, line_width = (POSITIVE_COLOR, 5) if candidate.is_positive else (NEGATIVE_COLOR, 2)
    box = (area.x, area.y, area.x + area.width, bottom)
    canvas.draw.rounded_rectangle(box, 6, outline=color, width=line_width)


def _draw_divider(canvas: Canvas, x: int, top: int, bottom: int) -> None:
    """Draw a dotted line before a candidate that is not one of the first."""
    for y in range(top, bottom, 10):
        canvas.draw.line((x, y, x, y + 4), MUTED, 2)


def _draw_candidate(canvas: Canvas, candidate: Candidate, area: Area, ratio: float) -> int:
    """Draw a candidate without its frame and id, and return the y of its end."""
    inner = Area(area.x + PAD, area.y + PAD, area.width - 2 * PAD)
    canvas.draw_badge(inner.x, inner.y, HEAD_PX, is_positive=candidate.is_positive)
    canvas.write_lines(inner.x + HEAD_PX + 8, inner.y, [str(candidate.rank)], HEAD_PX)
    canvas.write_lines(
        inner.x + inner.width,
        inner.y + 3,
        [f"{candidate.score:.3f}"],
        TEXT_PX,
        color=MUTED,
        aligns_right=True,
    )
    inner = inner.move_to(inner.y + get_line_height(HEAD_PX) + 4)
    if candidate.card.preview:
        inner = inner.move_to(_draw_preview(canvas, candidate.card.preview, inner, ratio))
    return _draw_text(canvas, candidate.card, inner, TEXT_PX) + 2


def _draw_preview(canvas: Canvas, preview: ClipPreview, area: Area, ratio: float) -> int:
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


def _draw_text(canvas: Canvas, card: Card, area: Area, pixels: int) -> int:
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


def _shorten_id(canvas: Canvas, name: str, width: int) -> str:
    """Shorten an id in its middle to one line, because ids differ at their ends."""
    font, name = canvas.typeface.load_font(SMALL_PX), replace_control_chars(name)
    num_chars, line = len(name), name
    while font.getlength(line) > width and num_chars > 2:
        num_chars -= 1
        line = f"{name[: (num_chars + 1) // 2]}…{name[len(name) - num_chars // 2 :]}"
    return line


def _draw_legend(canvas: Canvas, figure: RetrievalFigure, area: Area) -> int:
    """Draw what the marks mean, then the notes and the warnings."""
    x, y, side = area.x, area.y, SMALL_PX + 4
    for is_positive, label in ((True, "right answer"), (False, "wrong answer")):
        canvas.draw_badge(x, y, side, is_positive=is_positive)
        canvas.write_lines(x + side + 6, y + 1, [label], SMALL_PX)
        x += side + 6 + canvas.measure_width(label, SMALL_PX) + 2 * GAP
    if any(card.preview for card in figure.cards):
        canvas.draw_waveform((x, y, x + 70, y + side), _make_legend_waveform())
        label = "sound: loudest sample over time, each clip to its own peak, below its frames"
        width = area.x + area.width - x - 78
        line = truncate_line(label, canvas.typeface.load_font(SMALL_PX), width)
        canvas.write_lines(x + 78, y + 1, [line], SMALL_PX)
    y += side + 8
    for color, lines in ((MUTED, figure.notes), (NEGATIVE_COLOR, figure.warnings)):
        for line in lines:
            y = canvas.write_text(
                area.x, y, line, SMALL_PX, width=area.width, max_lines=3, color=color
            )
    return y


def _make_legend_waveform() -> NDArray[np.float32]:
    time = np.linspace(0, 1, 35, endpoint=False)
    return np.exp(-4 * (2 * time % 1)).astype(np.float32)
