"""CLIP's byte-pair tokenizer with the truncation rules of the systems built on it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import regex  # type: ignore[import-untyped]

START, END = "<|startoftext|>", "<|endoftext|>"
Truncation = Literal["released", "proper"]


def tokenize_text(text: str, context: int, truncate: Truncation) -> list[int]:
    """Return the token ids of a text: start, byte pairs, end.

    Args:
        text: any text.
        context: maximum number of token ids.
        truncate: `released` drops the end token of a text that is too long, `proper` keeps it.
    """
    tokenizer = _get_tokenizer()
    token_ids = [tokenizer.sot_token_id, *tokenizer.encode(text), tokenizer.eot_token_id]
    if len(token_ids) <= context:
        return token_ids
    if truncate == "released":
        return token_ids[:context]
    return [*token_ids[: context - 1], tokenizer.eot_token_id]


@lru_cache(maxsize=1)
def _get_tokenizer() -> Any:
    """Return open_clip's tokenizer with OpenAI's two special tokens.

    open_clip calls them ``<start_of_text>`` and ``<end_of_text>``. Every other tokenizer splits
    those into words and reads each of OpenAI's names as one token.
    """
    from open_clip.tokenizer import SimpleTokenizer

    tokenizer = SimpleTokenizer()
    tokenizer.encoder |= {START: tokenizer.sot_token_id, END: tokenizer.eot_token_id}
    tokenizer.cache = {START: START, END: END}
    word_pattern = r"|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    tokenizer.pat = regex.compile(
        f"{regex.escape(START)}|{regex.escape(END)}{word_pattern}", regex.IGNORECASE
    )
    return tokenizer
