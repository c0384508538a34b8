"""The cache of sound captions, by narration."""

from __future__ import annotations

from pathlib import Path

from egoexobench.files import cache_dir
from egoexobench.identity import Identity
from egoexobench.response_cache import ResponseCache, ResponseKind
from egoexobench.toolbox.captions import parse_response

CAPTIONS = ResponseKind(
    field="caption",
    is_valid=lambda text: parse_response(text) == text,
    part="captioner",
    hint=", and --set captioner=imported:file=FILE reads edited captions",
)
"""Sound captions; a narration with two invalid responses is stored with the reason."""


def open_cache(root: Path | None = None, part: Identity | None = None) -> ResponseCache:
    """Return the cache of a captioner.

    Args:
        root: the folder of its files; None is ``captions`` in the cache folder.
        part: the identity of the captioner; its code, libraries and files are in every key.
    """
    return ResponseCache(CAPTIONS, root or cache_dir() / "captions", part)
