"""Draws a figure on a page: title, query, one row for each run, and a legend."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egoexobench.figures.candidate_row import draw_candidate_row, make_column_grid
from egoexobench.figures.class_row import draw_class_row
from egoexobench.figures.drawing import (
    INK,
    MUTED,
    NEGATIVE_COLOR,
    PAPER,
    Canvas,
    Typeface,
    replace_control_chars,
    truncate_line,
)
from egoexobench.figures.elements import (
    GAP,
    HEAD_PX,
    MARGIN,
    PAD,
    SMALL_PX,
    TEXT_PX,
    TITLE_PX,
    WIDTH,
    Area,
    draw_preview,
    draw_text,
)
from egoexobench.figures.layout import RetrievalFigure

QUERY_RATIO = 0.58
"""Share of the page's width for the frames of the query."""
MAX_ASPECT_RATIO = 1.25
"""Largest height over width of the area of a frame."""
MAX_ROW_PX = 1400
"""A height that no row reaches."""


def draw_page(figure: RetrievalFigure, typeface: Typeface) -> Image.Image:
    """Return the image of a figure, `WIDTH` pixels wide and as high as its content."""
    max_height = MAX_ROW_PX * (len(figure.rows) + 2)
    canvas = Canvas(Image.new("RGB", (WIDTH, max_height), PAPER), typeface)
    grid, ratio = make_column_grid(figure), _get_aspect_ratio(figure)
    area = Area(MARGIN, MARGIN, WIDTH - 2 * MARGIN)
    y = _draw_title(canvas, figure, area)
    y = _draw_query(canvas, figure, area.move_to(y + GAP), ratio)
    for row in figure.rows:
        if figure.labels:
            y = draw_class_row(canvas, row, y=y + 2 * GAP)
        else:
            y = draw_candidate_row(canvas, row, grid, y=y + 2 * GAP, ratio=ratio)
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


def _draw_query(canvas: Canvas, figure: RetrievalFigure, area: Area, ratio: float) -> int:
    """Draw the query in a frame, with its preview on the left and its text on the right."""
    inner, query = Area(area.x + PAD, area.y + PAD, area.width - 2 * PAD), figure.query
    line = truncate_line(_format_heading(figure), canvas.typeface.load_font(HEAD_PX), inner.width)
    inner = inner.move_to(canvas.write_lines(inner.x, inner.y, [line], HEAD_PX) + 4)
    bottom, text_area = inner.y, inner
    if query.preview:
        width = round(QUERY_RATIO * inner.width)
        bottom = draw_preview(canvas, query.preview, inner._replace(width=width), ratio)
        left = width + 2 * GAP
        text_area = Area(inner.x + left, inner.y, inner.width - left)
    text_px = TEXT_PX + 2 if query.preview else HEAD_PX
    bottom = max(bottom, draw_text(canvas, query, text_area, text_px)) + PAD
    box = (area.x, area.y, area.x + area.width, bottom)
    canvas.draw.rounded_rectangle(box, 6, outline=INK, width=2)
    return bottom


def _format_heading(figure: RetrievalFigure) -> str:
    name = f"Query {replace_control_chars(figure.query.id)}"
    if not figure.labels:
        return name
    labels = ", ".join(map(replace_control_chars, figure.labels))
    return f"{name}. {'Any is right' if len(figure.labels) > 1 else 'Right answer'}: {labels}"


def _draw_legend(canvas: Canvas, figure: RetrievalFigure, area: Area) -> int:
    """Draw what the marks mean, then the notes and the warnings."""
    x, y, side = area.x, area.y, SMALL_PX + 4
    for is_positive, label in ((True, "right answer"), (False, "wrong answer")):
        canvas.draw_badge(x, y, side, is_positive=is_positive)
        canvas.write_lines(x + side + 6, y + 1, [label], SMALL_PX)
        x += side + 6 + canvas.measure_width(label, SMALL_PX) + 2 * GAP
    if any(card.preview for card in figure.cards):
        canvas.draw_waveform((x, y, x + 70, y + side), _make_legend_waveform())
        label = "sound over time: loudest sample, relative to the peak of the clip"
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
