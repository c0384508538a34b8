"""Marks on a picture: text, badges, frames of a clip, envelopes of its sound.

Colours are those of Okabe and Ito (2008), which people with any common kind of colour blindness
tell apart; what is right or wrong is told by a tick or a cross as well.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from egoexobench.errors import UsageError

INK, MUTED, PALE, PAPER = "#1a1a1a", "#5f5f5f", "#d9d9d9", "#ffffff"
RIGHT, WRONG, TOLD, HEARD = "#009e73", "#d55e00", "#0b5c93", "#4d4d4d"

TICK = (((0.24, 0.53), (0.43, 0.72), (0.77, 0.31)),)
CROSS = (((0.3, 0.3), (0.7, 0.7)), ((0.7, 0.3), (0.3, 0.7)))
"""Strokes on a square of side 1."""
LONGEST = 4000
"""Characters of a text that are looked at."""
_WIDE = "\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef"
_PIECE = re.compile(rf"\s*[{_WIDE}\U00020000-\U0003ffff]|\s*[^\s{_WIDE}\U00020000-\U0003ffff]+")
"""A word, or one character of a script that is written without spaces."""

Font = ImageFont.FreeTypeFont
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Type:
    """The typeface: a font file, or the one that Pillow brings."""

    file: Path | None = None

    def size(self, pixels: int) -> Font:
        """The typeface at a size in pixels.

        Raises:
            UsageError: if the file is no font.
        """
        return _font(self.file, pixels)

    def lacks(self, texts: list[str]) -> str:
        """Characters of some texts that the typeface has no shape for."""
        font = self.size(20)
        empty = _shape(font, "\uffff")
        letters = sorted({letter for text in texts for letter in clean(text)} - {" "})
        return "".join(letter for letter in letters if _shape(font, letter) == empty)


@cache
def _font(file: Path | None, pixels: int) -> Font:
    try:
        found = ImageFont.truetype(file, pixels) if file else ImageFont.load_default(pixels)
    except OSError as error:
        raise UsageError(f"--font {file} is no TrueType or OpenType font: {error}") from error
    if not isinstance(found, ImageFont.FreeTypeFont):
        raise UsageError("this Pillow was built without FreeType; install one that has it")
    return found


def _shape(font: Font, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)


def clean(text: str) -> str:
    """Return a text on one line, without control characters."""
    kept = "".join(letter if letter.isprintable() else " " for letter in text[:LONGEST])
    return " ".join(unicodedata.normalize("NFC", kept).split())


def wrap(text: str, font: Font, width: int, most: int) -> list[str]:
    """Return a text as lines that fit a width in pixels, the last one cut with `…`.

    Words break between characters only where one alone is too long.
    """
    lines, line = [], ""
    for piece in _pieces(clean(text), font, width):
        longer = line + piece if line else piece.lstrip()
        if line and font.getlength(longer) > width:
            lines.append(line)
            longer = piece.lstrip()
        if len(lines) == most:
            return [*lines[:-1], cut(f"{lines[-1]} {longer}…", font, width)]
        line = longer
    return [*lines, line] if line else lines


def _pieces(text: str, font: Font, width: int) -> list[str]:
    found: list[str] = []
    for piece in _PIECE.findall(text):
        fits = font.getlength(piece.lstrip()) <= width
        found += [piece] if fits else list(piece)
    return found


def cut(text: str, font: Font, width: int) -> str:
    """Return a line that fits a width in pixels, cut with `…` at its end if it must be."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text.rstrip(' …')}…") > width:
        text = text.rstrip(" …")[:-1]
    return f"{text.rstrip(' …')}…"


@dataclass(frozen=True, slots=True)
class Pen:
    """Draws on one picture."""

    picture: Image.Image
    type: Type
    draw: ImageDraw.ImageDraw = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "draw", ImageDraw.Draw(self.picture))

    def write(
        self,
        x: int,
        y: int,
        lines: list[str],
        pixels: int,
        colour: str = INK,
        *,
        right: bool = False,
    ) -> int:
        """Write lines from their top left (or right) corner; return where the next would start."""
        font, step = self.type.size(pixels), leading(pixels)
        for line in lines:
            left = x - font.getlength(line) if right else x
            self.draw.text((left, y), line, colour, font, anchor="la")
            y += step
        return y

    def badge(self, x: int, y: int, side: int, *, right: bool) -> None:
        """Mark a tick or a cross on a disc, from its top left corner."""
        large = 8 * side  # Pillow draws no smooth edges: drawn large and made small
        mask = Image.new("L", (large, large), 0)
        ImageDraw.Draw(mask).ellipse((0, 0, large - 1, large - 1), 255)
        disc = Image.new("RGB", (large, large), RIGHT if right else WRONG)
        pen = ImageDraw.Draw(disc)
        for stroke in TICK if right else CROSS:
            points = [(large * across, large * down) for across, down in stroke]
            pen.line(points, PAPER, large // 8, joint="curve")
        small, smooth = (side, side), Image.Resampling.LANCZOS
        self.picture.paste(disc.resize(small, smooth), (x, y), mask.resize(small, smooth))

    def strip(self, box: Box, pixels: NDArray[np.uint8]) -> None:
        """Place the pictures ``(F, H, W, 3)`` of a clip side by side in a box, whole."""
        left, top, right, bottom = box
        edges = np.linspace(left, right + 3, len(pixels) + 1).round().astype(int).tolist()
        for frame, start, stop in zip(pixels, edges[:-1], edges[1:], strict=True):
            width, height = stop - start - 3, bottom - top
            scale = min(width / frame.shape[1], height / frame.shape[0])
            size = (
                max(round(frame.shape[1] * scale), 1),
                max(round(frame.shape[0] * scale), 1),
            )
            self.draw.rectangle((start, top, start + width - 1, bottom - 1), PALE)
            image = Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS)
            at = (start + (width - size[0]) // 2, top + (height - size[1]) // 2)
            self.picture.paste(image, at)

    def envelope(self, box: Box, peaks: NDArray[np.float32]) -> None:
        """Draw the outline of a sound ``(P,)``, up and down from the middle of a box."""
        left, top, right, bottom = box
        middle, reach = (top + bottom) / 2, (bottom - top) / 2
        across = np.linspace(left, right, len(peaks) + 1)
        self.draw.line((left, middle, right, middle), PALE, 1)
        for peak, start, stop in zip(peaks, across[:-1], across[1:], strict=True):
            tall = max(float(peak) * reach, 0.5)
            self.draw.rectangle((start, middle - tall, stop, middle + tall), HEARD)


def leading(pixels: int) -> int:
    """Return the distance of two lines."""
    return round(1.28 * pixels)
