"""A captioner that reads captions from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import final

from egoexobench.errors import DataError
from egoexobench.toolbox.caption_file import read_captions


@final
class FileCaptioner:
    """Looks captions up by narration; see the factory ``imported`` for the file."""

    def __init__(self, file: Path) -> None:
        self._captions: dict[str, str] = {}
        for row in read_captions(file).rows:
            if self._captions.setdefault(row.narration, row.caption) != row.caption:
                raise DataError(f"{file} has two captions for {row.narration[:60]!r}; keep one")

    def caption(self, narrations: Sequence[str]) -> list[str]:
        """Return the caption of each narration; empty, which counts as refused, if it has none."""
        return [self._captions.get(text.strip(), "") for text in narrations]
