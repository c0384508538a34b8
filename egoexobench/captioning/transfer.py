"""Export captions to a file, and import them into the cache of another machine.

The file is JSON Lines. The first line identifies the captioner: ``{"key": {...}, "concepts":
[...]}``. Every other line is ``{"narration": ..., "caption": ...}``, with ``"draft"`` if the
caption was refined, and ``"unrefined": true`` if the refinement failed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from egoexobench.captioning.generate import make_cache_key
from egoexobench.captioning.stats import CaptionSet
from egoexobench.errors import UsageError
from egoexobench.files import write_text_atomic
from egoexobench.protocols import Captioner, ModelCaptioner
from egoexobench.response_cache import ResponseCache
from egoexobench.toolbox.caption_file import CaptionExport, CaptionRow, read_captions


def export_captions(path: Path, captioner: Captioner, caption_set: CaptionSet) -> None:
    """Write captions to a file, atomically.

    Raises:
        DataError: if it cannot be written.
    """
    key = dict(captioner.key) if isinstance(captioner, ModelCaptioner) else {}
    header = {"key": key, "concepts": list(caption_set.stats.concepts)}
    lines = [header, *(_row_to_dict(row) for row in caption_set.rows)]
    write_text_atomic(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def import_captions(path: Path, captioner: Captioner, cache: ResponseCache) -> CaptionExport:
    """Add the captions of an exported file to the cache of the captioner that wrote them.

    Raises:
        UsageError: if the captioner has no cache, or another captioner wrote the file.
        DataError: if the file cannot be read.
    """
    exported, advice = read_captions(path), f"use --captioner imported:file={path}"
    if not isinstance(captioner, ModelCaptioner):
        raise UsageError(f"captions of this captioner are not cached; {advice}")
    if not exported.key:
        raise UsageError(f"{path} does not state which captioner wrote it; {advice}")
    if exported.key != dict(captioner.key):
        raise UsageError(
            f"{path} was written with {_format_key(exported.key)}, but this captioner has "
            f"{_format_key(captioner.key)}; use the same options, or {advice}"
        )
    drafts = cache.open(make_cache_key(captioner.key, ()))
    for row in exported.rows:
        drafts.put(row.narration, row.draft)
    if exported.concepts:
        refined = cache.open(make_cache_key(captioner.key, exported.concepts))
        for row in exported.rows:
            if row.unrefined:
                refined.refuse(row.draft, "unrefined in the imported file")
            else:
                refined.put(row.draft, row.caption)
    return exported


def _row_to_dict(row: CaptionRow) -> dict[str, object]:
    line: dict[str, object] = {"narration": row.narration, "caption": row.caption}
    if row.draft != row.caption:
        line["draft"] = row.draft
    if row.unrefined:
        line["unrefined"] = True
    return line


def _format_key(key: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in key.items())
