"""A data set in the folder format: a table ``clips`` and, optionally, a table ``queries``.

Users write both tables. Every row is checked; a row that does not fit is skipped and listed with
its file, its row and the reason.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import final

from egoexobench.data.media_files import split_member_name
from egoexobench.data.pair_items import resolve_pair_items
from egoexobench.data.schema import ClipRow, QueryRow, make_clip_id
from egoexobench.data.table_io import FORMATS, find_table, read_table, write_table
from egoexobench.errors import DataError
from egoexobench.object_store import is_stored_object
from egoexobench.protocols import Progress
from egoexobench.toolbox.splits import check_split, check_task
from egoexobench.types import (
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
"""File names of both tables as JSON Lines, the format that the toolkit writes."""

_LocatedQueries = dict[tuple[Split, Task], list[tuple[str, Query]]]
_Views = dict[View, tuple[str, ClipRow]]
"""The rows of a pair by view, each with its location."""


@final
class FolderDataset:
    """A data set in the folder format.

    Rows that do not fit are skipped and listed in ``findings``. Queries are returned as listed: the
    harness checks whether they can be answered fairly.

    Raises:
        DataError: if there is no table of clips, or a table does not have the right columns.
    """

    has_only_pair_texts = True
    """The id of a clip means its video; a text has the id of its pair."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        tables = {name: find_table(self.root, name) for name in ("clips", "queries")}
        self._tables = {name: path for name, path in tables.items() if path}
        if "clips" not in self._tables:
            if not self.root.is_dir():
                raise DataError(
                    f"{root} is not a folder; a data set is a folder with a table of clips"
                )
            names = ", ".join(f"clips{suffix}" for suffix in FORMATS)
            raise DataError(
                f"{root} contains none of {names}; `egoexobench data init {root}` creates one"
            )
        self._issues: list[AnnotationIssue] = []
        self._locations: dict[str, str] = {}
        self._paths: dict[str, Path] = {}
        self._cameras: dict[str, str] = {}
        self._folders: dict[str, Path] = {}
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
        """Rows that were skipped, with the reason."""
        return self._issues

    @property
    def where(self) -> Mapping[str, str]:
        """File and row of each clip, by id."""
        return self._locations

    @property
    def cameras(self) -> Mapping[str, str]:
        """Camera by clip id, of the rows that name one."""
        return self._cameras

    def prepare(self, progress: Progress) -> None:
        """Do nothing: the files exist already."""

    def clips(self, split: Split) -> Sequence[Clip]:
        """Return every clip of the split; the ego clip and the exo clip of a pair are adjacent."""
        check_split(split)
        return [clip for pair in self._pairs[split] for clip in (pair.ego, pair.exo)]

    def pairs(self, split: Split) -> Sequence[Pair]:
        """Return every pair of the split, in the order of the file."""
        check_split(split)
        return self._pairs[split]

    def queries(self, split: Split, task: Task) -> Sequence[Query]:
        """Return the listed queries of a task."""
        check_split(split)
        check_task(task)
        return [query for _, query in self._queries.get((split, task), [])]

    def locate_queries(self, split: Split, task: Task) -> Sequence[str]:
        """File and row of each query of `queries`, in the same order."""
        return [location for location, _ in self._queries.get((split, task), [])]

    def _add_issue(self, path: Path, location: str, reason: str) -> None:
        self._issues.append(AnnotationIssue(path.name, location, reason))

    def _read_pairs(self, path: Path) -> dict[Split, list[Pair]]:
        pairs: dict[Split, list[Pair]] = {split: [] for split in SPLITS}
        for pair_id, views in self._read_views(path).items():
            if reason := _find_pair_fault(pair_id, views):
                if views:
                    self._add_issue(path, ", ".join(row for row, _ in views.values()), reason)
                continue
            pairs[views["ego"][1].split].append(self._make_pair(pair_id, views, path.name))
        return pairs

    def _read_views(self, path: Path) -> dict[str, _Views]:
        table = read_table(path, ClipRow)
        self._issues += table.issues
        pairs: dict[str, _Views] = {}
        for location, row in table.rows:
            views = pairs.setdefault(row.pair, {})
            reason = self._find_row_fault(row)
            if row.view in views:
                first = views[row.view][0]
                reason = f"pair {row.pair!r} has its {row.view} view in {first} already"
            if reason:
                self._add_issue(path, location, reason)
            else:
                views[row.view] = location, row
        return pairs

    def _find_row_fault(self, row: ClipRow) -> str | None:
        file, _ = split_member_name(row.media)
        if not is_stored_object(file) and not self._resolve(file).is_relative_to(self.root):
            return f"media {row.media!r} is outside the folder; give a path inside it"
        if row.end is not None and row.end <= row.start:
            return f"the clip {row.start:g}-{row.end:g} s is empty; end must be after start"
        return None

    def _make_pair(self, pair_id: str, views: _Views, file: str) -> Pair:
        (ego_location, ego_row), (exo_location, exo_row) = views["ego"], views["exo"]
        ego, exo = self._make_clip(ego_row), self._make_clip(exo_row)
        self._locations |= {ego.id: f"{file}, {ego_location}", exo.id: f"{file}, {exo_location}"}
        rows = {ego.id: ego_row, exo.id: exo_row}
        self._cameras |= {name: row.camera for name, row in rows.items() if row.camera}
        return Pair(pair_id, ego, exo, ego_row.pair_narration or ego_row.narration)

    def _name_media(self, media: str) -> str:
        """Return the name of a media file, which does not depend on the working folder."""
        file, member = split_member_name(media)
        if is_stored_object(file):
            return media
        return f"{self._resolve(file)}#{member}" if member else str(self._resolve(file))

    def _resolve(self, file: str) -> Path:
        """Return the path of a file without links; many clips may be of one file."""
        if file not in self._paths:
            path = self.root / file
            folder, name = os.path.split(path)
            if name in ("", ".", "..") or os.path.islink(path):
                self._paths[file] = path.resolve()
            else:
                self._paths[file] = self._resolve_folder(folder) / name
        return self._paths[file]

    def _resolve_folder(self, folder: str) -> Path:
        """Return a folder without links; to resolve it anew for each file in it takes long."""
        if folder not in self._folders:
            self._folders[folder] = Path(folder).resolve()
        return self._folders[folder]

    def _make_clip(self, row: ClipRow) -> Clip:
        return Clip(
            id=make_clip_id(row.pair, row.view),
            view=row.view,
            media=self._name_media(row.media),
            start=row.start,
            end=row.end,
            narration=row.narration,
            take=row.take or row.pair,
            scene=row.scene,
            verbs=row.verbs,
            nouns=row.nouns,
        )

    def _read_queries(self, path: Path | None) -> _LocatedQueries:
        queries: _LocatedQueries = {}
        if path is None:
            return queries
        table = read_table(path, QueryRow)
        self._issues += table.issues
        takes = {split: dict(_iter_takes_by_id(self._pairs[split])) for split in SPLITS}
        partners = {split: _collect_partners(self._pairs[split]) for split in SPLITS}
        for location, row in table.rows:
            if reason := _find_query_fault(row, takes[row.split]):
                self._add_issue(path, location, reason)
                continue
            take = takes[row.split][row.source]
            positives = _list_positives(row, partners[row.split])
            query = Query(row.source, Gallery(row.candidates), positives, take)
            located = f"{path.name}, {location}", query
            queries.setdefault((row.split, row.task), []).append(located)
        return queries


def _iter_takes_by_id(pairs: Sequence[Pair]) -> Iterator[tuple[str, str]]:
    for items in resolve_pair_items(pairs):
        for item_id in _list_ids(items.pair):
            yield item_id, items.cluster


def _list_positives(row: QueryRow, partners: Mapping[str, Sequence[set[str]]]) -> tuple[int, ...]:
    """Return the answer of a row, then the candidates that are as right as the answer.

    The exo clips of four pairs with one ego clip are such candidates of each other.
    """
    answer = row.candidates[row.answer]
    right = next((ids for ids in partners[row.source] if answer in ids), {answer})
    indices = (index for index, name in enumerate(row.candidates) if name in right)
    return tuple(dict.fromkeys((row.answer, *indices)))


def _collect_partners(pairs: Sequence[Pair]) -> dict[str, tuple[set[str], ...]]:
    """Return the partners of each clip and text: ego clips, exo clips and texts, by all their ids.

    An ego clip that stands in four pairs has four ids, and each of them has all four exo clips.
    """
    all_items = resolve_pair_items(pairs)
    ids: dict[str, set[str]] = {}
    partners: dict[str, tuple[set[str], ...]] = {}
    for items in all_items:
        own = (items.ego, items.exo, items.text)
        for item, item_id in zip(own, _list_ids(items.pair), strict=True):
            ids.setdefault(item, set()).add(item_id)
            for names, partner in zip(
                partners.setdefault(item, (set(), set(), set())), own, strict=True
            ):
                names.add(partner)
    return {
        item_id: tuple({name for partner in side for name in ids[partner]} for side in sides)
        for item, sides in partners.items()
        for item_id in ids[item]
    }


def _list_ids(pair: Pair) -> tuple[str, str, str]:
    return pair.ego.id, pair.exo.id, pair.id


def _find_pair_fault(pair_id: str, views: _Views) -> str | None:
    """Return why rows do not make a pair; None if they do."""
    if len(views) < 2:
        return f"pair {pair_id!r} has only its {next(iter(views), 'other')} view"
    splits = {view: row.split for view, (_, row) in views.items()}
    if splits["ego"] != splits["exo"]:
        return f"pair {pair_id!r} is in two splits, {splits['ego']} and {splits['exo']}"
    return None


def _find_query_fault(row: QueryRow, takes: Mapping[str, str]) -> str | None:
    """Return why a query cannot be used; None if it can. ``takes`` has the ids of the split."""
    last = len(row.candidates) - 1
    if row.answer > max(last, 0):
        return f"answer {row.answer} is out of range: {last + 1} candidates, indices 0 to {last}"
    for item_id in (row.source, *row.candidates):
        if item_id not in takes:
            return f"{item_id!r} is not a pair or clip of split {row.split!r} in the table of clips"
    return None
