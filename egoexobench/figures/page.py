"""A retrieval figure on a page: title, query, a row a run, and what the marks mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egoexobench.figures.drawing import (
    INK,
    MUTED,
    PALE,
    PAPER,
    RIGHT,
    TOLD,
    WRONG,
    Pen,
    Type,
    clean,
    cut,
    leading,
    wrap,
)
from egoexobench.figures.layout import Candidate, Card, Figure, Look, Row

WIDTH, MARGIN, GAP, PAD = 1600, 36, 14, 10
"""Of the page, of its edge, between columns, within frames; in pixels."""
TITLE, HEAD, TEXT, SMALL = 28, 24, 19, 17
"""Sizes of type, in pixels."""
WAVE = 40
LINES = 7
"""Most lines of a narration, and of a sound caption, below a candidate."""
SHARE = 0.58
"""Of the page's width that the query's pictures take."""
TALLEST = 1.25
"""Height over width up to which pictures fill their place."""
HIGHEST = 400
"""Most pixels that pictures are high."""
ROOM = 1400
"""Height that a row never reaches."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Where columns stand: the first answers, and after a gap the right one if it is not there."""

    columns: int
    apart: bool

    @property
    def width(self) -> int:
        """Width of a column."""
        gaps = (self.columns - 1) * GAP + (GAP if self.apart else 0)
        return (WIDTH - 2 * MARGIN - gaps) // self.columns

    def left(self, column: int) -> int:
        """Left edge of a column."""
        if self.apart and column == self.columns - 1:
            return WIDTH - MARGIN - self.width
        return MARGIN + column * (self.width + GAP)


def page(figure: Figure, face: Type) -> Image.Image:
    """Draw a figure, `WIDTH` pixels wide and as high as it must be."""
    pen = Pen(Image.new("RGB", (WIDTH, ROOM * (len(figure.rows) + 2)), PAPER), face)
    most = max(len(row.first) for row in figure.rows)
    apart = any(row.answer for row in figure.rows)
    grid, ratio = Grid(most + apart, apart), _ratio(figure)
    y = _title(pen, figure, MARGIN)
    y = _query(pen, figure.query, y + GAP, ratio)
    for row in figure.rows:
        y = _row(pen, row, y + 2 * GAP, grid, ratio)
    y = _legend(pen, figure, y + 2 * GAP)
    return pen.picture.crop((0, 0, WIDTH, y + MARGIN - GAP))


def _ratio(figure: Figure) -> float:
    """Height over width of the place of a picture: that of the tallest, within limits."""
    cards = [one.card for row in figure.rows for one in row.shown]
    shapes = [card.look.pixels.shape for card in [figure.query, *cards] if card.look]
    return min(max((shape[1] / shape[2] for shape in shapes), default=1.0), TALLEST)


def _title(pen: Pen, figure: Figure, y: int) -> int:
    across = WIDTH - 2 * MARGIN
    y = pen.write(MARGIN, y, wrap(figure.title, pen.type.size(TITLE), across, 2), TITLE)
    return pen.write(MARGIN, y, wrap(figure.about, pen.type.size(TEXT), across, 2), TEXT, MUTED)


def _query(pen: Pen, query: Card, y: int, ratio: float) -> int:
    """The query, framed: pictures and sound on the left, words on the right."""
    top, left, right = y, MARGIN + PAD, WIDTH - MARGIN - PAD
    name = cut(f"Query {clean(query.id)}", pen.type.size(HEAD), right - left)
    y = pen.write(left, y + PAD, [name], HEAD) + 4
    low = words = y
    if query.look:
        width = round(SHARE * (right - left))
        low = _look(pen, query.look, left, y, width, ratio)
        left += width + 2 * GAP
    words = _words(pen, query, left, words, right - left, HEAD if not query.look else TEXT + 2)
    bottom = max(low, words) + PAD
    pen.draw.rounded_rectangle((MARGIN, top, WIDTH - MARGIN, bottom), 6, outline=INK, width=2)
    return bottom


def _row(pen: Pen, row: Row, y: int, grid: Grid, ratio: float) -> int:
    """A run's answers; frames of one row end on one line."""
    font = pen.type.size(HEAD)
    across = WIDTH - 2 * MARGIN
    pen.write(WIDTH - MARGIN, y + 3, [row.verdict], SMALL + 2, MUTED, right=True)
    room = across - round(pen.type.size(SMALL + 2).getlength(row.verdict)) - 2 * GAP
    y = pen.write(MARGIN, y, wrap(row.name, font, room, 2), HEAD) + 4
    placed = [(grid.left(at), one) for at, one in enumerate(row.first)]
    if row.answer:
        placed.append((grid.left(grid.columns - 1), row.answer))
    bottom = max(_candidate(pen, one, x, y, grid.width, ratio) for x, one in placed)
    bottom += leading(SMALL) + PAD + 4
    for x, one in placed:
        name = _id(pen, one.card.id, grid.width - 2 * PAD)
        pen.write(x + PAD, bottom - PAD - leading(SMALL), [name], SMALL, MUTED)
        box = (x, y, x + grid.width, bottom)
        pen.draw.rounded_rectangle(
            box, 6, outline=RIGHT if one.right else WRONG, width=5 if one.right else 2
        )
    if row.answer:
        _divide(pen, grid.left(grid.columns - 1) - GAP, y, bottom)
    return bottom


def _divide(pen: Pen, x: int, top: int, bottom: int) -> None:
    """A dotted line: what stands behind it is not among the first."""
    for y in range(top, bottom, 10):
        pen.draw.line((x, y, x, y + 4), MUTED, 2)


def _candidate(pen: Pen, one: Candidate, x: int, y: int, width: int, ratio: float) -> int:
    """A candidate within its frame, but for its id; return where its last line ends."""
    left, right, side = x + PAD, x + width - PAD, HEAD
    pen.badge(left, y + PAD, side, right=one.right)
    pen.write(left + side + 8, y + PAD, [str(one.place)], HEAD)
    pen.write(right, y + PAD + 3, [f"{one.score:.3f}"], TEXT, MUTED, right=True)
    y += PAD + leading(HEAD) + 4
    if one.card.look:
        y = _look(pen, one.card.look, left, y, right - left, ratio)
    return _words(pen, one.card, left, y, right - left, TEXT) + 2


def _look(pen: Pen, look: Look, x: int, y: int, width: int, ratio: float) -> int:
    """Pictures, and below them the sound on the same time axis."""
    tall = min(round(ratio * width / len(look.pixels)), HIGHEST)
    pen.strip((x, y, x + width, y + tall), look.pixels)
    y += tall + 6
    if look.peaks is None:
        said = "no audio track" if look.state == "no_track" else look.state
        pen.draw.line((x, y + WAVE // 2, x + width, y + WAVE // 2), PALE, 1)
        space = round(pen.type.size(SMALL).getlength(said))
        start = x + (width - space) // 2
        pen.draw.rectangle((start - 6, y, start + space + 6, y + WAVE), PAPER)
        pen.write(start, y + (WAVE - SMALL) // 2, [said], SMALL, MUTED)
    else:
        pen.envelope((x, y, x + width, y + WAVE), look.peaks)
    return y + WAVE + 8


def _words(pen: Pen, card: Card, x: int, y: int, width: int, pixels: int) -> int:
    """The narration, and below it the sound caption."""
    font = pen.type.size(pixels)
    words = wrap(card.words, font, width, LINES) or ["(no narration)"]
    y = pen.write(x, y, words, pixels, INK if card.words.strip() else MUTED)
    if card.caption:
        y = pen.write(x, y + 5, wrap(card.caption, font, width, LINES), pixels, TOLD)
    return y


def _id(pen: Pen, name: str, width: int) -> str:
    """An id on one line; its middle gives way, since ids differ at their ends."""
    font, name = pen.type.size(SMALL), clean(name)
    keep = len(name)
    told = name
    while font.getlength(told) > width and keep > 2:
        keep -= 1
        told = f"{name[: (keep + 1) // 2]}…{name[len(name) - keep // 2 :]}"
    return told


def _legend(pen: Pen, figure: Figure, y: int) -> int:
    """What the marks mean, then the notes and the warnings."""
    x, side = MARGIN, SMALL + 4
    for right, said in ((True, "right answer"), (False, "wrong answer")):
        pen.badge(x, y, side, right=right)
        pen.write(x + side + 6, y + 1, [said], SMALL)
        x += side + 6 + round(pen.type.size(SMALL).getlength(said)) + 2 * GAP
    if any(one.card.look for row in figure.rows for one in row.shown) or figure.query.look:
        pen.envelope((x, y, x + 70, y + side), _sample())
        said = "sound: loudest sample over time, each clip to its own peak, below its frames"
        pen.write(x + 78, y + 1, [cut(said, pen.type.size(SMALL), WIDTH - MARGIN - x - 78)], SMALL)
    y += side + 8
    across = WIDTH - 2 * MARGIN
    for colour, lines in ((MUTED, figure.notes), (WRONG, figure.warnings)):
        for line in lines:
            y = pen.write(MARGIN, y, wrap(line, pen.type.size(SMALL), across, 3), SMALL, colour)
    return y


def _sample() -> NDArray[np.float32]:
    time = np.linspace(0, 1, 35, endpoint=False)
    return np.exp(-4 * (2 * time % 1)).astype(np.float32)
