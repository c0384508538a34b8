"""Draws the classes that a run finds most probable for a clip, each as a bar."""

from __future__ import annotations

from egoexobench.figures.drawing import (
    INK,
    MUTED,
    NEGATIVE_COLOR,
    PALE,
    PAPER,
    POSITIVE_COLOR,
    Canvas,
    truncate_line,
)
from egoexobench.figures.elements import (
    GAP,
    HEAD_PX,
    MARGIN,
    SMALL_PX,
    TEXT_PX,
    WIDTH,
    draw_row_header,
)
from egoexobench.figures.layout import Candidate, RetrievalRow

LINE_PX = 34
"""Distance between two bars."""
LABEL_PX, NUMBER_PX = 330, 90
"""Width of the label on the left of a bar, and of the probability on its right."""


def draw_class_row(canvas: Canvas, row: RetrievalRow, *, y: int) -> int:
    """Draw the classes of a run from top to bottom; return the y of their end."""
    y = draw_row_header(canvas, row, y)
    for candidate in row.first:
        y = _draw_class(canvas, candidate, y)
    if row.positive:
        for x in range(MARGIN, WIDTH - MARGIN, 10):  # the classes between them are not displayed
            canvas.draw.line((x, y, x + 4, y), MUTED, 2)
        y = _draw_class(canvas, row.positive, y + GAP // 2)
    return y


def _draw_class(canvas: Canvas, candidate: Candidate, y: int) -> int:
    """Draw badge, rank, label, bar and probability on one line."""
    canvas.draw_badge(MARGIN, y + 3, HEAD_PX, is_positive=candidate.is_positive)
    x = MARGIN + HEAD_PX + 8
    canvas.write_lines(x, y + 5, [str(candidate.rank)], TEXT_PX, color=MUTED)
    x += canvas.measure_width("999", TEXT_PX) + GAP
    label = truncate_line(candidate.card.text, canvas.typeface.load_font(TEXT_PX + 1), LABEL_PX)
    canvas.write_lines(x, y + 4, [label], TEXT_PX + 1, color=INK)
    left, right = x + LABEL_PX + GAP, WIDTH - MARGIN - NUMBER_PX
    canvas.draw.rectangle((left, y + 7, right, y + LINE_PX - 9), PALE)
    end = left + round(candidate.score * (right - left))
    color = POSITIVE_COLOR if candidate.is_positive else NEGATIVE_COLOR
    # a filled and a hollow bar differ without color
    filling = color if candidate.is_positive else PAPER
    canvas.draw.rectangle((left, y + 7, max(end, left + 3), y + LINE_PX - 9), filling, color, 3)
    text = f"{100 * candidate.score:.1f}"
    canvas.write_lines(WIDTH - MARGIN, y + 5, [text], SMALL_PX + 2, color=MUTED, aligns_right=True)
    return y + LINE_PX
