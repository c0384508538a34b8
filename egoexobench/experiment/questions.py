"""Writes the queries of a data set, and its clips and texts, for systems that run elsewhere."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoexobench.errors import DataError
from egoexobench.evaluation.answers import list_candidates, make_query_ids
from egoexobench.evaluation.queries import require_queries
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.inputs import collect_narrations, list_text_ids
from egoexobench.experiment.subset import UsableSubset, select_usable
from egoexobench.files import write_text_atomic
from egoexobench.protocols import Dataset
from egoexobench.types import SPLITS, CandidatePolicy, Clip, Gallery, Query, Task

Fields = dict[str, Any]


@dataclass(frozen=True)
class DatasetItems:
    """The clips and texts of a data set, as a line of JSON describes them.

    A clip has no text and a text has no clip: each would be the answer to the other.
    """

    dataset: Dataset
    name: str
    media_root: Path | None = None
    """Media files are named relative to this folder; None names no file."""

    def read_texts(self) -> Mapping[str, str]:
        """Return the text of each id that is a query or a candidate, and of every pair."""
        subset = self._select_all()
        ids = {split: list_text_ids(self.dataset, subset, split) for split in SPLITS}
        return collect_narrations(subset, ids)

    def describe_clip(self, clip: Clip) -> Fields:
        """Return id and view of a clip, and its file and span in seconds.

        Raises:
            DataError: for a file outside of the folder of media.
        """
        fields: Fields = {"id": clip.id, "view": clip.view}
        if self.media_root is None:
            return fields
        try:
            path = Path(clip.media).resolve().relative_to(self.media_root.resolve())
        except ValueError:
            raise DataError(
                f"the file of clip {clip.id!r} is not inside {self.media_root}: {clip.media}"
            ) from None
        return fields | {"media": path.as_posix(), "start": clip.start, "end": clip.end}

    def iter_all(self) -> Iterator[Fields]:
        """Yield every clip and every text of every split."""
        texts, subset = self.read_texts(), self._select_all()
        for split in SPLITS:
            for clip in self.dataset.clips(split):
                yield {"kind": "clip", "split": split, **self.describe_clip(clip)}
            for name in list_text_ids(self.dataset, subset, split):
                if name in texts:
                    yield {"kind": "text", "split": split, "id": name, "text": texts[name]}

    def _select_all(self) -> UsableSubset:
        return select_usable(self.dataset, self.name, allow_missing=True, needs_media=False)


def write_items(path: Path, items: DatasetItems) -> Mapping[str, int]:
    """Write every clip and text of a data set as JSON Lines; return the number of each kind.

    Raises:
        DataError: for a media file outside of the folder, or if the file cannot be written.
    """
    lines = list(items.iter_all())
    write_text_atomic(path, _to_lines(lines))
    return Counter(line["kind"] for line in lines)


def write_questions(path: Path, items: DatasetItems, task: Task, policy: CandidatePolicy) -> int:
    """Write the queries of a task as JSON Lines, without their answers; return their number.

    A line has the id of a query, its source and its candidates, in an order that says nothing. If
    queries share their candidates, these stand once, in a line above that numbers the gallery.

    Raises:
        UsageError: if the task has no such policy.
        DataError: if there are no queries, a media file is outside of the folder, or the file
            cannot be written.
    """
    queries = require_queries(items.dataset, items.name, task, policy)
    write_text_atomic(path, _to_lines(_iter_questions(items, task, policy, queries)))
    return len(queries)


def _iter_questions(
    items: DatasetItems, task: Task, policy: CandidatePolicy, queries: Sequence[Query]
) -> Iterator[Fields]:
    clips = {clip.id: items.describe_clip(clip) for clip in items.dataset.clips(TEST_SPLIT)}
    narrations = items.read_texts() if task in ("t2v", "v2t") else {}
    texts = {name: {"id": name, "text": text} for name, text in narrations.items()}
    sources, candidates = {
        "t2v": (texts, clips),
        "v2t": (clips, texts),
    }.get(task, (clips, clips))
    num_queries = Counter(query.gallery for query in queries)
    numbers: dict[Gallery, int] = {}
    for name, query in zip(make_query_ids(task, policy, queries), queries, strict=True):
        gallery = query.gallery
        question: Fields = {"query": name, "task": task, "policy": policy}
        question["source"] = sources.get(query.source, {"id": query.source})
        if num_queries[gallery] == 1:
            yield question | {"candidates": _list_items(gallery, candidates)}
            continue
        if gallery not in numbers:
            numbers[gallery] = len(numbers)
            yield {"gallery": numbers[gallery], "candidates": _list_items(gallery, candidates)}
        yield question | {"gallery": numbers[gallery]}


def _list_items(gallery: Gallery, items: Mapping[str, Fields]) -> list[Fields]:
    return [items.get(name, {"id": name}) for name in list_candidates(gallery)]


def _to_lines(rows: Iterator[Fields] | Sequence[Fields]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
