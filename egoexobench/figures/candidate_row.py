"""Draws the candidates that a run retrieved side by side, each in a frame."""

from __future__ import annotations

from dataclasses import dataclass

from egoexobench.figures.drawing import (
    MUTED,
    NEGATIVE_COLOR,
    POSITIVE_COLOR,
    Canvas,
    get_line_height,
    replace_control_chars,
)
from egoexobench.figures.elements import (
    GAP,
    HEAD_PX,
    MARGIN,
    PAD,
    SMALL_PX,
    TEXT_PX,
    WIDTH,
    Area,
    draw_preview,
    draw_row_header,
    draw_text,
)
from egoexobench.figures.layout import Candidate, RetrievalFigure, RetrievalRow


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


def make_column_grid(figure: RetrievalFigure) -> ColumnGrid:
    """Return the columns that all rows of a figure share."""
    has_gap = any(row.positive for row in figure.rows)
    return ColumnGrid(max(len(row.first) for row in figure.rows) + has_gap, has_gap)


def draw_candidate_row(
    canvas: Canvas, row: RetrievalRow, grid: ColumnGrid, *, y: int, ratio: float
) -> int:
    """Draw the candidates of a run, all with the same height; return the y of their end."""
    y = draw_row_header(canvas, row, y)
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
        inner = inner.move_to(draw_preview(canvas, candidate.card.preview, inner, ratio))
    return draw_text(canvas, candidate.card, inner, TEXT_PX) + 2


def _shorten_id(canvas: Canvas, name: str, width: int) -> str:
    """Shorten an id in its middle to one line, because ids differ at their ends."""
    font, name = canvas.typeface.load_font(SMALL_PX), replace_control_chars(name)
    num_chars, line = len(name), name
    while font.getlength(line) > width and num_chars > 2:
        num_chars -= 1
        line = f"{name[: (num_chars + 1) // 2]}…{name[len(name) - num_chars // 2 :]}"
    return line
