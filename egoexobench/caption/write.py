"""Writes the sound caption of every narration."""

from __future__ import annotations

import re
from collections.abc import Mapping

from egoexobench.errors import DataError
from egoexobench.interfaces import Captioner

CAPTION = re.compile(r"\[[^\[\]()]+\] \([^\[\]()]+\)(?:, \[[^\[\]()]+\] \([^\[\]()]+\))*")
"""Closed-caption style: ``[source] (effect), [source] (effect)`` (paper, 3.2)."""


def write(captioner: Captioner, narrations: Mapping[str, str]) -> dict[str, str]:
    """Return the sound caption of each narration by the same id; equal texts are written once.

    Raises:
        DataError: if the captioner breaks its contract: another number, or no closed caption.
    """
    texts = sorted(set(narrations.values()))
    captions = dict(zip(texts, _checked(captioner, texts), strict=True))
    return {name: captions[text] for name, text in narrations.items()}


def _checked(captioner: Captioner, texts: list[str]) -> list[str]:
    captions = list(captioner.caption(texts))
    if len(captions) != len(texts):
        raise DataError(f"the captioner gave {len(captions)} captions for {len(texts)} narrations")
    for text, caption in zip(texts, captions, strict=True):
        if not CAPTION.fullmatch(caption):
            raise DataError(
                f"the captioner wrote {caption[:60]!r} for {text[:60]!r}; "
                "a sound caption is '[source] (effect), ...'"
            )
    return captions
