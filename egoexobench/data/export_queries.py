"""The questions of a data set as a file, so that others ask the same ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from egoexobench.errors import DataError
from egoexobench.files import write_text_atomic
from egoexobench.interfaces import Dataset, Published, Surveyed
from egoexobench.values import Query, Split, Task


class QueryListHeader(BaseModel):
    """The first line of a file of lists; each other line is a question."""

    model_config = ConfigDict(frozen=True)

    lists: int = 1
    """Version of this format."""
    dataset: str
    """Registered name, without options: they are paths of one machine."""
    fingerprint: str
    """Of the annotations as they lie there, the order of their rows included."""
    split: Split
    task: Task
    version: str | None
    """What the data set says of the lists of this split."""
    rule: str | None
    """How the lists come about, out of the section `Lists:` of the data set."""
    num_dropped_rows: int
    """Rows of the annotations that could not be used, without which lists may be others."""
    num_queries: int
    sha256: str
    """Of the lines of the questions, whatever the order of the annotations' rows."""


def export_queries(
    path: Path, name: str, dataset: Dataset, split: Split, task: Task, rule: str | None
) -> QueryListHeader:
    """Write the lists of a task, whole or not at all, and return the first line.

    Args:
        path: JSON Lines.
        name: as the data set is registered.
        dataset: whose lists.
        split: of which split.
        task: of which retrieval task.
        rule: how the lists come about.

    Raises:
        DataError: there are no lists, or they cannot be written.
    """
    lines = list(_lines(dataset.queries(split, task)))
    if not lines:
        raise DataError(f"{name} has no lists of task {task!r} in split {split!r}")
    versions = dataset.versions if isinstance(dataset, Published) else {}
    findings = dataset.findings if isinstance(dataset, Surveyed) else ()
    header = QueryListHeader(
        dataset=name,
        fingerprint=dataset.fingerprint,
        split=split,
        task=task,
        version=versions.get(split),
        rule=rule,
        num_dropped_rows=sum(found.dropped for found in findings),
        num_queries=len(lines),
        sha256=hashlib.sha256("".join(lines).encode()).hexdigest(),
    )
    write_text_atomic(path, "".join([header.model_dump_json() + "\n", *lines]))
    return header


def _lines(queries: Sequence[Query]) -> Iterator[str]:
    for query in sorted(
        queries, key=lambda query: (query.source, query.gallery.ids, query.positives)
    ):
        answer, *also = query.positives
        line: dict[str, object] = {
            "source": query.source,
            "candidates": query.gallery.ids,
            "answer": answer,
            "cluster": query.cluster,
        }
        if also:
            line["also"] = also
        yield json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"
