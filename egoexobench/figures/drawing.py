"""Draws text, badges, frames and waveforms on an image.

The colors are those of Okabe and Ito (2008), which people with any common kind of color blindness
can distinguish. Right and wrong differ in shape as well: a tick and a cross.
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
from egoexobench.visible_text import make_visible

INK, MUTED, PALE, PAPER = "#1a1a1a", "#5f5f5f", "#d9d9d9", "#ffffff"
POSITIVE_COLOR, NEGATIVE_COLOR, CAPTION_COLOR, AUDIO_COLOR = (
    "#009e73",
    "#d55e00",
    "#0b5c93",
    "#4d4d4d",
)

TICK = (((0.24, 0.53), (0.43, 0.72), (0.77, 0.31)),)
CROSS = (((0.3, 0.3), (0.7, 0.7)), ((0.7, 0.3), (0.3, 0.7)))
"""Strokes on a square of side 1."""
MAX_CHARS = 4000
"""Number of characters of a text that are displayed at most."""
_WIDE = "\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef"
_WORD = re.compile(rf"\s*[{_WIDE}\U00020000-\U0003ffff]|\s*[^\s{_WIDE}\U00020000-\U0003ffff]+")
"""A word, or one character of a script that is written without spaces."""

Font = ImageFont.FreeTypeFont
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Typeface:
    """A typeface: a font file, or the one that Pillow includes."""

    file: Path | None = None

    def load_font(self, pixels: int) -> Font:
        """Return the font of a size in pixels.

        Raises:
            UsageError: if the file is not a font.
        """
        return _load_font(self.file, pixels)

    def find_missing_glyphs(self, texts: list[str]) -> str:
        """Return the characters of some texts that the typeface has no glyph for."""
        font = self.load_font(20)
        empty = _render_glyph(font, "\uffff")
        letters = sorted(
            {letter for text in texts for letter in replace_control_chars(text)} - {" "}
        )
        return "".join(letter for letter in letters if _render_glyph(font, letter) == empty)


@cache
def _load_font(file: Path | None, pixels: int) -> Font:
    try:
        font = ImageFont.truetype(file, pixels) if file else ImageFont.load_default(pixels)
    except OSError as error:
        raise UsageError(f"--font {file} is no TrueType or OpenType font: {error}") from error
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise UsageError("this Pillow was built without FreeType; install one that has it")
    return font


def _render_glyph(font: Font, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)


def replace_control_chars(text: str) -> str:
    """Return a text on one line, with escapes for control characters."""
    visible = make_visible(text[:MAX_CHARS])
    printable = "".join(letter if letter.isprintable() else " " for letter in visible)
    return " ".join(unicodedata.normalize("NFC", printable).split())


def wrap_text(text: str, font: Font, width: int, max_lines: int) -> list[str]:
    """Return a text as lines of at most a width in pixels, the last one truncated with `…`.

    A word breaks between characters only if it is longer than a line.
    """
    lines, line = [], ""
    for piece in _split_words(replace_control_chars(text), font, width):
        longer = line + piece if line else piece.lstrip()
        if line and font.getlength(longer) > width:
            lines.append(line)
            longer = piece.lstrip()
        if len(lines) == max_lines:
            return [*lines[:-1], truncate_line(f"{lines[-1]} {longer}…", font, width)]
        line = longer
    return [*lines, line] if line else lines


def _split_words(text: str, font: Font, width: int) -> list[str]:
    words: list[str] = []
    for word in _WORD.findall(text):
        fits = font.getlength(word.lstrip()) <= width
        words += [word] if fits else list(word)
    return words


def truncate_line(text: str, font: Font, width: int) -> str:
    """Return a line of at most a width in pixels, truncated with `…` at its end if necessary."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text.rstrip(' …')}…") > width:
        text = text.rstrip(" …")[:-1]
    return f"{text.rstrip(' …')}…"


@dataclass(frozen=True, slots=True)
class Canvas:
    """Draws on one image."""

    image: Image.Image
    typeface: Typeface
    draw: ImageDraw.ImageDraw = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "draw", ImageDraw.Draw(self.image))

    def write_lines(
        self,
        x: int,
        y: int,
        lines: list[str],
        pixels: int,
        *,
        color: str = INK,
        aligns_right: bool = False,
    ) -> int:
        """Write lines from their top left (or right) corner; return the y of the next line."""
        font, step = self.typeface.load_font(pixels), get_line_height(pixels)
        for line in lines:
            left = x - font.getlength(line) if aligns_right else x
            self.draw.text((left, y), line, color, font, anchor="la")
            y += step
        return y

    def write_text(
        self,
        x: int,
        y: int,
        text: str,
        pixels: int,
        *,
        width: int,
        max_lines: int,
        color: str = INK,
    ) -> int:
        """Write a text in lines of a width in pixels; return the y of the next line."""
        lines = wrap_text(text, self.typeface.load_font(pixels), width, max_lines)
        return self.write_lines(x, y, lines, pixels, color=color)

    def measure_width(self, text: str, pixels: int) -> int:
        """Return the width of a line in pixels."""
        return round(self.typeface.load_font(pixels).getlength(text))

    def draw_badge(self, x: int, y: int, side: int, *, is_positive: bool) -> None:
        """Draw a tick or a cross on a disc, from its top left corner."""
        large = 8 * side  # Pillow draws no smooth edges: the badge is drawn large and resized
        mask = Image.new("L", (large, large), 0)
        ImageDraw.Draw(mask).ellipse((0, 0, large - 1, large - 1), 255)
        disc = Image.new("RGB", (large, large), POSITIVE_COLOR if is_positive else NEGATIVE_COLOR)
        draw = ImageDraw.Draw(disc)
        for stroke in TICK if is_positive else CROSS:
            points = [(large * across, large * down) for across, down in stroke]
            draw.line(points, PAPER, large // 8, joint="curve")
        small, smooth = (side, side), Image.Resampling.LANCZOS
        self.image.paste(disc.resize(small, smooth), (x, y), mask.resize(small, smooth))

    def draw_frames(self, box: Box, pixels: NDArray[np.uint8]) -> None:
        """Draw the frames ``(F, H, W, 3)`` of a clip side by side in a box, without cropping."""
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
            corner = (start + (width - size[0]) // 2, top + (height - size[1]) // 2)
            self.image.paste(image, corner)

    def draw_waveform(self, box: Box, peaks: NDArray[np.float32]) -> None:
        """Draw the peaks ``(P,)`` of a waveform, up and down from the middle of a box."""
        left, top, right, bottom = box
        middle, reach = (top + bottom) / 2, (bottom - top) / 2
        across = np.linspace(left, right, len(peaks) + 1)
        self.draw.line((left, middle, right, middle), PALE, 1)
        for peak, start, stop in zip(peaks, across[:-1], across[1:], strict=True):
            tall = max(float(peak) * reach, 0.5)
            self.draw.rectangle((start, middle - tall, stop, middle + tall), AUDIO_COLOR)


def get_line_height(pixels: int) -> int:
    """Return the distance between two lines in pixels."""
    return round(1.28 * pixels)
