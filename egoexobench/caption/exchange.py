"""Captions as a file that goes from one machine to another.

JSON Lines. The first line says who wrote them: ``{"key": {...}, "concepts": [...]}``; every other
is ``{"narration": ..., "caption": ...}``, with ``"draft"`` where a caption was refined, and
``"unrefined": true`` where refining it failed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoexobench.atomic import save
from egoexobench.caption.ask import Asked
from egoexobench.caption.closed import Refusal, parse
from egoexobench.caption.collect import place
from egoexobench.caption.report import Row, Written
from egoexobench.caption.store import Store
from egoexobench.errors import DataError, UsageError
from egoexobench.interfaces import Captioner


@dataclass(frozen=True, slots=True)
class Parcel:
    """Captions from a file, and who wrote them; no key is a stranger's file."""

    key: Mapping[str, object] | None
    concepts: tuple[str, ...]
    rows: tuple[Row, ...]
    refused: int
    """Lines whose caption is no closed caption."""


def export(path: Path, captioner: Captioner, written: Written) -> None:
    """Write captions to a file, whole or not at all.

    Raises:
        DataError: if it cannot be written.
    """
    key = dict(captioner.key) if isinstance(captioner, Asked) else {}
    head = {"key": key, "concepts": list(written.report.concepts)}
    lines = [head, *(_line(row) for row in written.rows)]
    save(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def load(path: Path) -> Parcel:
    """Read captions from a file.

    Raises:
        DataError: if it is not there, or a line is no object with texts in it.
    """
    key: Mapping[str, object] | None = None
    concepts: tuple[str, ...] = ()
    rows, refused = list[Row](), 0
    for number, line in _lines(path):
        match line:
            case {"narration": str(narration), "caption": str(caption)}:
                found, draft = parse(caption), parse(str(line.get("draft", caption)))
                if isinstance(found, Refusal) or isinstance(draft, Refusal):
                    refused += 1
                else:
                    failed = line.get("unrefined") is True
                    rows.append(Row(narration.strip(), draft, found, failed))
            case {"key": dict(head)} if number == 1:
                key, concepts = head, tuple(str(one) for one in line.get("concepts") or ())
            case _:
                raise DataError(f"{path}, line {number}: no narration with its caption")
    return Parcel(key, concepts, tuple(rows), refused)


def admit(path: Path, captioner: Captioner, store: Store) -> Parcel:
    """Take captions that `export` wrote elsewhere into the store of the captioner that wrote them.

    Raises:
        UsageError: if the captioner has no store, or the file is another's.
        DataError: if the file cannot be read.
    """
    parcel, use = load(path), f"use --captioner imported:file={path}"
    if not isinstance(captioner, Asked):
        raise UsageError(f"captions of this captioner are not stored; {use}")
    if not parcel.key:
        raise UsageError(f"{path} does not say who wrote its captions; {use}")
    if parcel.key != dict(captioner.key):
        raise UsageError(
            f"{path} holds captions under {_short(parcel.key)}, the captioner writes under "
            f"{_short(captioner.key)}; give the same options, or {use}"
        )
    drafts = store.open(place(captioner.key, ()))
    for row in parcel.rows:
        drafts.put(row.narration, row.draft)
    if parcel.concepts:
        refined = store.open(place(captioner.key, parcel.concepts))
        for row in parcel.rows:
            if row.unrefined:
                refined.refuse(row.draft, "unrefined where it was written")
            else:
                refined.put(row.draft, row.caption)
    return parcel


def _line(row: Row) -> dict[str, object]:
    line: dict[str, object] = {"narration": row.narration, "caption": row.caption}
    if row.draft != row.caption:
        line["draft"] = row.draft
    if row.unrefined:
        line["unrefined"] = True
    return line


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                if text.strip():
                    yield number, json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{path} cannot be read as captions ({reason}); it takes one JSON object a line, "
            'such as {"narration": "C opens a jar", "caption": "[jar] (pop)"}'
        ) from error


def _short(key: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in key.items())
