"""The format of a sound caption, and the one parser that decides which responses are captions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from egoexobench.protocols import CaptionRequest, ModelCaptioner

CAPTION_PATTERN = re.compile(r"\[[^\[\]()]+\] \([^\[\]()]+\)(?:, \[[^\[\]()]+\] \([^\[\]()]+\))*")
"""Closed-caption style: ``[source] (effect), [source] (effect)`` (paper, 3.2)."""

MAX_CAPTION_CHARS = 2_000
"""Longest caption that is accepted, in characters; the longest by a person has a tenth of it."""

CLIP_CONTEXT = 77
"""Tokens that CLIP's text encoder reads; it cuts longer texts (`clip-text` describes how)."""

RefusalReason = Literal[
    "empty", "not a closed caption", "other text around", "too long", "unprintable"
]

_EVENT = re.compile(r"\[([^\[\]()]+)\] \(([^\[\]()]+)\)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_TOKEN_PIECE = re.compile(r"[a-zA-Z]+|\d|[^\W\d_]+|[^\s\w]+")
_STOPWORDS = frozenset(
    "a an the some his her their its my your this that these those of in on at to from with and "
    "or into onto for by off up down out over".split()
)


@dataclass(frozen=True, slots=True)
class SoundEvent:
    """One sound of a caption."""

    source: str
    effect: str

    def __str__(self) -> str:
        return f"[{self.source}] ({self.effect})"


@dataclass(frozen=True, slots=True)
class InvalidCaption:
    """Why a response is not a sound caption."""

    reason: RefusalReason


def parse_response(response: str) -> str | InvalidCaption:
    """Return the caption in a response, without white space around it, or why it is not one.

    The whole response must be a caption. A caption is never cut out of other text, because that
    text may be anything.
    """
    text = response.strip()
    if not text:
        return InvalidCaption("empty")
    if len(text) > MAX_CAPTION_CHARS:
        return InvalidCaption("too long")
    if CAPTION_PATTERN.fullmatch(text):
        blank = any(
            not half.strip()
            for event in parse_events(text)
            for half in (event.source, event.effect)
        )
        return InvalidCaption("unprintable") if blank or _CONTROL.search(text) else text
    return InvalidCaption(
        "other text around" if CAPTION_PATTERN.search(text) else "not a closed caption"
    )


def parse_events(caption: str) -> list[SoundEvent]:
    """Return the sounds of a caption, in order."""
    return [SoundEvent(source, effect) for source, effect in _EVENT.findall(caption)]


def format_caption(events: Sequence[SoundEvent]) -> str:
    """Return the caption of sounds.

    >>> format_caption([SoundEvent("jar", "pop"), SoundEvent("knife", "chop")])
    '[jar] (pop), [knife] (chop)'
    """
    return ", ".join(str(event) for event in events)


def list_content_words(source: str) -> list[str]:
    """Return the words of a source in lower case, without articles and prepositions."""
    words: list[str] = re.findall(r"\w+", source.lower())
    return [word for word in words if word not in _STOPWORDS]


def estimate_clip_tokens(caption: str) -> int:
    """Estimate how many tokens CLIP's tokenizer gives for a caption, with start and end token.

    A word counts one for every 8 letters begun, in another script one for every 1.5 bytes; for
    English this is within a tenth of the true count, and needs no tokenizer.
    """
    pieces = _TOKEN_PIECE.findall(caption)
    return 2 + sum(
        -(-len(piece) // 8) if piece.isascii() else -(-2 * len(piece.encode()) // 3)
        for piece in pieces
    )


def collect_responses(captioner: ModelCaptioner, narrations: Sequence[str]) -> list[str]:
    """Return a model's responses to narrations, in their order and unchecked.

    A `ModelCaptioner` can use it as its ``caption``.
    """
    requests = map(CaptionRequest, narrations)
    texts = {response.request.text: response.text for response in captioner.answer(requests)}
    return [texts[narration] for narration in narrations]
