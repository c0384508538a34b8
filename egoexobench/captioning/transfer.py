"""Captions as a file that goes from one machine to another.

JSON Lines. The first line says who wrote them: ``{"key": {...}, "concepts": [...]}``; every other
is ``{"narration": ..., "caption": ...}``, with ``"draft"`` where a caption was refined, and
``"unrefined": true`` where refining it failed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from egoexobench.captioning.cache import Store
from egoexobench.captioning.generate import place
from egoexobench.captioning.stats import Written
from egoexobench.errors import UsageError
from egoexobench.files import write_text_atomic
from egoexobench.protocols import Captioner, ModelCaptioner
from egoexobench.toolbox.caption_file import CaptionExport, CaptionRow, read_captions


def export(path: Path, captioner: Captioner, written: Written) -> None:
    """Write captions to a file, whole or not at all.

    Raises:
        DataError: if it cannot be written.
    """
    key = dict(captioner.key) if isinstance(captioner, ModelCaptioner) else {}
    head = {"key": key, "concepts": list(written.report.concepts)}
    lines = [head, *(_line(row) for row in written.rows)]
    write_text_atomic(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def admit(path: Path, captioner: Captioner, store: Store) -> CaptionExport:
    """Take captions that `export` wrote elsewhere into the store of the captioner that wrote them.

    Raises:
        UsageError: if the captioner has no store, or the file is another's.
        DataError: if the file cannot be read.
    """
    exported, use = read_captions(path), f"use --captioner imported:file={path}"
    if not isinstance(captioner, ModelCaptioner):
        raise UsageError(f"captions of this captioner are not stored; {use}")
    if not exported.key:
        raise UsageError(f"{path} does not say who wrote its captions; {use}")
    if exported.key != dict(captioner.key):
        raise UsageError(
            f"{path} holds captions under {_short(exported.key)}, the captioner writes under "
            f"{_short(captioner.key)}; give the same options, or {use}"
        )
    drafts = store.open(place(captioner.key, ()))
    for row in exported.rows:
        drafts.put(row.narration, row.draft)
    if exported.concepts:
        refined = store.open(place(captioner.key, exported.concepts))
        for row in exported.rows:
            if row.unrefined:
                refined.refuse(row.draft, "unrefined where it was written")
            else:
                refined.put(row.draft, row.caption)
    return exported


def _line(row: CaptionRow) -> dict[str, object]:
    line: dict[str, object] = {"narration": row.narration, "caption": row.caption}
    if row.draft != row.caption:
        line["draft"] = row.draft
    if row.unrefined:
        line["unrefined"] = True
    return line


def _short(key: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in key.items())
