"""The folder format: a table ``clips`` and, where there are listed questions, one ``queries``.

Both come from outside: every row is checked, and what does not fit is kept account of by file and
row with what was found and what would work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import final

from egoexobench.data.schema import ClipRow, QueryRow, make_clip_id
from egoexobench.data.table_io import FORMATS, find_table, read_table, write_table
from egoexobench.errors import DataError
from egoexobench.interfaces import Progress
from egoexobench.values import (
    SPLITS,
    AnnotationIssue,
    Clip,
    Gallery,
    Pair,
    Query,
    Split,
    Task,
    View,
)

__all__ = [
    "CLIPS_TABLE",
    "QUERIES_TABLE",
    "ClipRow",
    "FolderDataset",
    "QueryRow",
    "make_clip_id",
    "write_table",
]

CLIPS_TABLE = "clips.jsonl"
QUERIES_TABLE = "queries.jsonl"
"""Names of both in JSON Lines, which the toolkit itself writes."""

_Views = dict[View, tuple[str, ClipRow]]


@final
class FolderDataset:
    """A data set in the folder format.

    Rows that do not fit are left out and listed in ``findings``.

    Raises:
        DataError: if there is no table of clips, or one is no table of the format.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        tables = {name: find_table(self.root, name) for name in ("clips", "queries")}
        self._tables = {name: path for name, path in tables.items() if path}
        if "clips" not in self._tables:
            names = ", ".join(f"clips{suffix}" for suffix in FORMATS)
            raise DataError(
                f"{root} holds none of {names}; `egoexobench data init {root}` drafts one"
            )
        self._findings: list[AnnotationIssue] = []
        self._where: dict[str, str] = {}
        self._pairs = self._read_pairs(self._tables["clips"])
        self._queries = self._read_queries(self._tables.get("queries"))

    @property
    def fingerprint(self) -> str:
        """Hash of both tables."""
        digest = hashlib.sha256()
        for name in ("clips", "queries"):
            path = self._tables.get(name)
            digest.update(path.read_bytes() if path else b"")
            digest.update(b"\0")
        return digest.hexdigest()[:16]

    @property
    def findings(self) -> Sequence[AnnotationIssue]:
        """Rows that were left out, and why."""
        return self._findings

    @property
    def where(self) -> Mapping[str, str]:
        """File and row of each clip, by id."""
        return self._where

    def prepare(self, progress: Progress) -> None:
        """Nothing has to be made."""

    def clips(self, split: Split) -> Sequence[Clip]:
        """Every clip of the split, the ego and the exo clip of a pair side by side."""
        return [clip for pair in self._pairs[split] for clip in (pair.ego, pair.exo)]

    def pairs(self, split: Split) -> Sequence[Pair]:
        """Every pair of the split, in the order of the file."""
        return self._pairs[split]

    def queries(self, split: Split, task: Task) -> Sequence[Query]:
        """The listed questions of a task."""
        return self._queries.get((split, task), [])

    def _read_pairs(self, path: Path) -> dict[Split, list[Pair]]:
        views: dict[str, _Views] = {}
        for place, row in read_table(path, ClipRow, self._findings):
            seen = views.setdefault(row.pair, {})
            wrong = self._wrong(row)
            if row.view in seen:
                wrong = f"pair {row.pair!r} has its {row.view} view in {seen[row.view][0]} already"
            if wrong:
                self._findings.append(AnnotationIssue(path.name, place, wrong))
            else:
                seen[row.view] = place, row
        pairs: dict[Split, list[Pair]] = {split: [] for split in SPLITS}
        for name, seen in views.items():
            if wrong := _apart(name, seen):
                place = ", ".join(place for place, _ in seen.values())
                self._findings += [AnnotationIssue(path.name, place, wrong)] if seen else []
                continue
            pair = self._pair(name, seen, path.name)
            pairs[seen["ego"][1].split].append(pair)
        return pairs

    def _wrong(self, row: ClipRow) -> str | None:
        if not (self.root / row.media).resolve().is_relative_to(self.root):
            return f"media {row.media!r} leaves the folder; give a path below it"
        if row.end is not None and row.end <= row.start:
            return f"the span {row.start:g}-{row.end:g} s is empty; end must be after start"
        return None

    def _pair(self, name: str, seen: _Views, file: str) -> Pair:
        (line, ego), (other, exo) = seen["ego"], seen["exo"]
        one, two = self._clip(ego), self._clip(exo)
        self._where |= {one.id: f"{file}, {line}", two.id: f"{file}, {other}"}
        return Pair(name, one, two, ego.pair_narration or ego.narration)

    def _clip(self, row: ClipRow) -> Clip:
        return Clip(
            id=make_clip_id(row.pair, row.view),
            view=row.view,
            media=str((self.root / row.media).resolve()),
            start=row.start,
            end=row.end,
            narration=row.narration,
            take=row.take or row.pair,
            scene=row.scene,
            verbs=row.verbs,
            nouns=row.nouns,
        )

    def _read_queries(self, path: Path | None) -> dict[tuple[Split, Task], list[Query]]:
        found: dict[tuple[Split, Task], list[Query]] = {}
        if path is None:
            return found
        takes = {
            split: {
                name: pair.ego.take
                for pair in self._pairs[split]
                for name in (pair.id, pair.ego.id, pair.exo.id)
            }
            for split in SPLITS
        }
        for place, row in read_table(path, QueryRow, self._findings):
            if wrong := _unasked(row, takes[row.split]):
                self._findings.append(AnnotationIssue(path.name, place, wrong))
                continue
            take = takes[row.split][row.source]
            query = Query(row.source, Gallery(row.candidates), (row.answer,), take)
            found.setdefault((row.split, row.task), []).append(query)
        return found


def _apart(name: str, seen: _Views) -> str | None:
    """Why rows of one name are no pair."""
    if len(seen) < 2:
        return f"pair {name!r} has only its {next(iter(seen), 'other')} view"
    splits = {view: row.split for view, (_, row) in seen.items()}
    if splits["ego"] != splits["exo"]:
        return f"pair {name!r} is in two splits, {splits['ego']} and {splits['exo']}"
    return None


def _unasked(row: QueryRow, known: Mapping[str, str]) -> str | None:
    """Why a question cannot be asked."""
    last = len(row.candidates) - 1
    if row.answer > last:
        return (
            f"answer {row.answer} is out of range; there are {last + 1} candidates, so 0 to {last}"
        )
    for name in (row.source, *row.candidates):
        if name not in known:
            return f"{name!r} is no pair or clip of split {row.split!r} in the table of clips"
    return None
