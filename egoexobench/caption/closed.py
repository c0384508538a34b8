"""The form of a sound caption, and the one parser that decides what is passed on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

CAPTION = re.compile(r"\[[^\[\]()]+\] \([^\[\]()]+\)(?:, \[[^\[\]()]+\] \([^\[\]()]+\))*")
"""Closed-caption style: ``[source] (effect), [source] (effect)`` (paper, 3.2)."""

LONGEST = 2_000
"""Characters of a caption at most; the longest of a person who writes them is a tenth of it."""

ROOM = 77
"""Tokens of CLIP's text encoder; it cuts what is longer (`clip-text` says how)."""

Reason = Literal["empty", "not a closed caption", "other text around", "too long", "unprintable"]

_PART = re.compile(r"\[([^\[\]()]+)\] \(([^\[\]()]+)\)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PIECE = re.compile(r"[a-zA-Z]+|\d|[^\W\d_]+|[^\s\w]+")


@dataclass(frozen=True, slots=True)
class Part:
    """One sound of a caption."""

    source: str
    effect: str

    def __str__(self) -> str:
        return f"[{self.source}] ({self.effect})"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an answer is no sound caption."""

    reason: Reason


def parse(answer: str) -> str | Refusal:
    """Return the caption that an answer is, without white space around it, or why it is none.

    Nothing is cut out of an answer: what stands around a caption may be anything.
    """
    text = answer.strip()
    if not text:
        return Refusal("empty")
    if len(text) > LONGEST:
        return Refusal("too long")
    if CAPTION.fullmatch(text):
        blank = any(not half.strip() for part in parts(text) for half in (part.source, part.effect))
        return Refusal("unprintable") if blank or _CONTROL.search(text) else text
    return Refusal("other text around" if CAPTION.search(text) else "not a closed caption")


def parts(caption: str) -> list[Part]:
    """The sounds of a caption, in order."""
    return [Part(source, effect) for source, effect in _PART.findall(caption)]


def join(sounds: list[Part]) -> str:
    """The caption of sounds."""
    return ", ".join(str(sound) for sound in sounds)


def tokens(caption: str) -> int:
    """About how many tokens CLIP's byte pairs cut a caption into, its two marks among them.

    A word counts one for every 8 letters begun, of another script one for every 1.5 bytes; for
    English this is within a tenth of the true count, and needs no tokenizer.
    """
    pieces = _PIECE.findall(caption)
    return 2 + sum(
        -(-len(piece) // 8) if piece.isascii() else -(-2 * len(piece.encode()) // 3)
        for piece in pieces
    )
