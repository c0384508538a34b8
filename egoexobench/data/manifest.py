"""The folder format: ``clips.jsonl``, one clip a line, and ``queries.jsonl``, one question a line.

Both files are data from outside: every line is checked against its schema and an error names the
file, the line, what was found and what would work.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeVar, final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from egoexobench.atomic import whole
from egoexobench.errors import DataError
from egoexobench.progress import Progress
from egoexobench.values import SPLITS, Clip, Pair, Query, Split, Task, View

CLIPS = "clips.jsonl"
QUERIES = "queries.jsonl"


class ClipRow(BaseModel):
    """One line of ``clips.jsonl``; a pair is one ego and one exo line with the same ``pair``."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    pair: str = Field(min_length=1, description="id of the pair")
    view: View
    split: Split
    media: str = Field(min_length=1, description="media file, relative to the folder")
    start: float = Field(0.0, ge=0, description="s")
    end: float | None = Field(None, gt=0, description="s; null is the end of the file")
    narration: str = Field(min_length=1, description="what this view shows")
    pair_narration: str | None = Field(None, description="what both views show; else the ego's")
    take: str | None = Field(None, description="recording that clips share; else the pair")
    scene: str | None = None
    verbs: tuple[str, ...] = Field((), strict=False)
    nouns: tuple[str, ...] = Field((), strict=False)


class QueryRow(BaseModel):
    """One line of ``queries.jsonl``; ids are ``PAIR`` for a text, ``PAIR/ego`` for a video."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    split: Split
    task: Literal["eg2ex", "ex2eg", "t2v", "v2t"]
    source: str
    candidates: tuple[str, ...] = Field(min_length=2, strict=False)
    answer: int = Field(ge=0)


_Row = TypeVar("_Row", bound=BaseModel)


def clip_id(pair: str, view: View) -> str:
    """Return the id of one view of a pair."""
    return f"{pair}/{view}"


def write(path: Path, rows: Iterable[BaseModel]) -> None:
    """Write one row a line, whole or not at all."""
    with whole(path) as draft, draft.open("w", encoding="utf-8") as file:
        file.writelines(row.model_dump_json(exclude_defaults=True) + "\n" for row in rows)


def read(path: Path, schema: type[_Row]) -> Iterator[tuple[int, _Row]]:
    """Yield each line's number and row.

    Raises:
        DataError: naming file, line and field, for the first line that does not fit.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield number, schema.model_validate_json(line)
        except ValidationError as error:
            raise DataError(f"{path}, line {number}: {_reason(error, schema)}") from None


def _reason(error: ValidationError, schema: type[BaseModel]) -> str:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "line"
    if first["type"] == "extra_forbidden":
        return f"unknown column {field!r}; there are: {', '.join(schema.model_fields)}"
    return f"{field}: {first['msg']} (found {str(first['input'])[:60]!r})"


@final
class Manifest:
    """A data set in the folder format."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        if not (self.root / CLIPS).is_file():
            raise DataError(
                f"{root} holds no {CLIPS}; it needs one line a clip, see docs/folder.md"
            )
        self._pairs = _pairs(self.root)
        self._queries = _queries(self.root, self._pairs)

    @property
    def fingerprint(self) -> str:
        """Hash of both files."""
        digest = hashlib.sha256()
        for name in (CLIPS, QUERIES):
            path = self.root / name
            digest.update(path.read_bytes() if path.is_file() else b"")
            digest.update(b"\0")
        return digest.hexdigest()[:16]

    def prepare(self, progress: Progress) -> None:
        """Check that every media file exists.

        Raises:
            DataError: naming the first file that is missing and how many are.
        """
        del progress  # a look at the disk is over before a bar would show
        files = sorted({clip.media for split in SPLITS for clip in self.clips(split)})
        missing = [file for file in files if not os.path.isfile(file)]
        if missing:
            raise DataError(
                f"{len(missing)} of {len(files)} media files of {self.root / CLIPS} are missing, "
                f"the first is {missing[0]}"
            )

    def clips(self, split: Split) -> Sequence[Clip]:
        """Every clip of the split, the ego and the exo clip of a pair side by side."""
        return [clip for pair in self._pairs[split] for clip in (pair.ego, pair.exo)]

    def pairs(self, split: Split) -> Sequence[Pair]:
        """Every pair of the split, in the order of the file."""
        return self._pairs[split]

    def queries(self, split: Split, task: Task) -> Sequence[Query]:
        """The listed questions of a task."""
        return self._queries.get((split, task), [])


def _pairs(root: Path) -> dict[Split, list[Pair]]:
    views: dict[str, dict[View, tuple[int, ClipRow]]] = {}
    for number, row in read(root / CLIPS, ClipRow):
        seen = views.setdefault(row.pair, {})
        if row.view in seen:
            raise DataError(
                f"{root / CLIPS}, line {number}: pair {row.pair!r} has its {row.view} view "
                f"on line {seen[row.view][0]} already"
            )
        seen[row.view] = number, row
    pairs: dict[Split, list[Pair]] = {split: [] for split in SPLITS}
    for name, seen in views.items():
        if len(seen) < 2:
            (number, row) = next(iter(seen.values()))
            raise DataError(
                f"{root / CLIPS}, line {number}: pair {name!r} has only its {row.view} view"
            )
        (line, ego), (other, exo) = seen["ego"], seen["exo"]
        if ego.split != exo.split:
            raise DataError(
                f"{root / CLIPS}, lines {line} and {other}: pair {name!r} is in two splits, "
                f"{ego.split} and {exo.split}"
            )
        text = ego.pair_narration or ego.narration
        pairs[ego.split].append(Pair(name, _clip(root, line, ego), _clip(root, other, exo), text))
    return pairs


def _clip(root: Path, number: int, row: ClipRow) -> Clip:
    media = (root / row.media).resolve()
    if not media.is_relative_to(root):
        raise DataError(
            f"{root / CLIPS}, line {number}: media {row.media!r} leaves the folder; "
            "give a path below it"
        )
    if row.end is not None and row.end <= row.start:
        raise DataError(
            f"{root / CLIPS}, line {number}: the span {row.start}-{row.end} s is empty; "
            "end must be after start"
        )
    return Clip(
        id=clip_id(row.pair, row.view),
        view=row.view,
        media=str(media),
        start=row.start,
        end=row.end,
        narration=row.narration,
        take=row.take or row.pair,
        scene=row.scene,
        verbs=row.verbs,
        nouns=row.nouns,
    )


def _queries(root: Path, pairs: dict[Split, list[Pair]]) -> dict[tuple[Split, Task], list[Query]]:
    path = root / QUERIES
    found: dict[tuple[Split, Task], list[Query]] = {}
    if not path.is_file():
        return found
    takes = {
        split: {name: pair.ego.take for pair in pairs[split] for name in _ids(pair)}
        for split in SPLITS
    }
    for number, row in read(path, QueryRow):
        if row.answer >= len(row.candidates):
            raise DataError(
                f"{path}, line {number}: answer {row.answer} is out of range; "
                f"there are {len(row.candidates)} candidates, so 0 to {len(row.candidates) - 1}"
            )
        for name in (row.source, *row.candidates):
            if name not in takes[row.split]:
                raise DataError(
                    f"{path}, line {number}: {name!r} is no pair or clip of split {row.split!r} "
                    f"in {CLIPS}"
                )
        query = Query(row.source, row.candidates, row.answer, takes[row.split][row.source])
        found.setdefault((row.split, row.task), []).append(query)
    return found


def _ids(pair: Pair) -> tuple[str, str, str]:
    return pair.id, pair.ego.id, pair.exo.id
