"""Byte pairs of CLIP, as its descendants cut and mark them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import regex  # type: ignore[import-untyped]

START, END = "<|startoftext|>", "<|endoftext|>"
Cut = Literal["released", "proper"]


def ids(text: str, context: int, truncate: Cut) -> list[int]:
    """Token ids of a text: start, byte pairs, end; at most ``context`` of them.

    Args:
        text: any text.
        context: tokens at most.
        truncate: `released` loses the end token of an over-long text, `proper` moves it.
    """
    tokenizer = _tokenizer()
    found = [tokenizer.sot_token_id, *tokenizer.encode(text), tokenizer.eot_token_id]
    if len(found) <= context:
        return found
    if truncate == "released":
        return found[:context]
    return [*found[: context - 1], tokenizer.eot_token_id]


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    """open_clip's tokenizer, reading the two marks as OpenAI wrote them.

    open_clip calls them ``<start_of_text>`` and ``<end_of_text>``; everybody else's tokenizer
    takes those for words, and OpenAI's marks for one token each.
    """
    from open_clip.tokenizer import SimpleTokenizer

    tokenizer = SimpleTokenizer()
    tokenizer.encoder |= {START: tokenizer.sot_token_id, END: tokenizer.eot_token_id}
    tokenizer.cache = {START: START, END: END}
    words = r"|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    tokenizer.pat = regex.compile(
        f"{regex.escape(START)}|{regex.escape(END)}{words}", regex.IGNORECASE
    )
    return tokenizer
