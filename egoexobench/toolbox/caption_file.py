"""Reads captions from a file, as ``egoexobench caption --export`` writes them.

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

from egoexobench.errors import DataError
from egoexobench.toolbox.captions import InvalidCaption, parse_response


@dataclass(frozen=True, slots=True)
class CaptionRow:
    """A narration, its caption before refinement and after."""

    narration: str
    draft: str
    caption: str
    unrefined: bool = False
    """Refining it failed, so that it was not changed."""


@dataclass(frozen=True, slots=True)
class CaptionExport:
    """Captions from a file, and the key of their captioner; None if the file does not say it."""

    key: Mapping[str, object] | None
    concepts: tuple[str, ...]
    rows: tuple[CaptionRow, ...]
    refused: int
    """Number of lines whose caption is not a closed caption."""


def read_captions(path: Path) -> CaptionExport:
    """Read captions from a file.

    Raises:
        DataError: if it is missing, or a line is not an object with texts in it.
    """
    key: Mapping[str, object] | None = None
    concepts: tuple[str, ...] = ()
    rows, refused = list[CaptionRow](), 0
    for number, line in _read_lines(path):
        match line:
            case {"narration": str(narration), "caption": str(caption)}:
                final, draft = (
                    parse_response(caption),
                    parse_response(str(line.get("draft", caption))),
                )
                if isinstance(final, InvalidCaption) or isinstance(draft, InvalidCaption):
                    refused += 1
                else:
                    unrefined = line.get("unrefined") is True
                    rows.append(CaptionRow(narration.strip(), draft, final, unrefined))
            case {"key": dict(first_line)} if number == 1:
                key = first_line
                concepts = tuple(str(concept) for concept in line.get("concepts") or ())
            case _:
                raise DataError(f"{path}, line {number}: no narration with its caption")
    return CaptionExport(key, concepts, tuple(rows), refused)


def _read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
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
