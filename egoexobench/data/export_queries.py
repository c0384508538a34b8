"""Export the queries of a data set to a file, so that others can use the same ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from egoexobench.data.unfair_queries import check_queries
from egoexobench.errors import DataError
from egoexobench.files import write_text_atomic
from egoexobench.protocols import Dataset, HasAnnotationIssues, HasListVersions
from egoexobench.types import Query, Split, Task


class QueryListHeader(BaseModel):
    """The first line of a query file; each other line is a query."""

    model_config = ConfigDict(frozen=True)

    format_version: int = 2
    """Version of the format of this line."""
    dataset: str
    """Registered name without options, since options contain local paths."""
    fingerprint: str
    """Hash of the annotations, including the order of their rows."""
    split: Split
    task: Task
    lists_version: str | None
    """Version of the candidate lists, as the data set states it."""
    rule: str | None
    """How the lists were made: section `Lists:` of the data set's docstring."""
    num_dropped_rows: int
    """Rows of the annotations that could not be used; without them lists can differ."""
    num_unfair: int = 0
    """Queries that are left out because they cannot be answered fairly."""
    num_queries: int
    sha256: str
    """Hash of the query lines; it does not depend on the order of the annotations' rows."""


def export_queries(
    path: Path, dataset: Dataset, name: str, *, split: Split, task: Task, rule: str | None
) -> QueryListHeader:
    """Write the queries of a task as JSON Lines, atomically, and return the first line.

    Args:
        path: the file to write.
        dataset: the data set.
        name: its registered name.
        split: the split.
        task: a retrieval task.
        rule: how the candidate lists were made.

    Raises:
        DataError: if there are no queries, or the file cannot be written.
    """
    checked = check_queries(dataset, split, task)
    lines = list(_format_lines(checked.fair))
    if not lines:
        raise DataError(f"{name} has no listed queries of task {task!r} in split {split!r}")
    versions = dataset.versions if isinstance(dataset, HasListVersions) else {}
    issues = dataset.findings if isinstance(dataset, HasAnnotationIssues) else ()
    header = QueryListHeader(
        dataset=name,
        fingerprint=dataset.fingerprint,
        split=split,
        task=task,
        lists_version=versions.get(split),
        rule=rule,
        num_dropped_rows=sum(issue.dropped for issue in issues),
        num_unfair=len(checked.unfair),
        num_queries=len(lines),
        sha256=hashlib.sha256("".join(lines).encode()).hexdigest(),
    )
    write_text_atomic(path, "".join([header.model_dump_json() + "\n", *lines]))
    return header


def _format_lines(queries: Sequence[Query]) -> Iterator[str]:
    for query in sorted(queries, key=lambda item: (item.source, item.gallery.ids, item.positives)):
        answer, *others = query.positives
        line: dict[str, object] = {
            "source": query.source,
            "candidates": query.gallery.ids,
            "answer": answer,
            "cluster": query.cluster,
        }
        if others:
            line["also"] = others
        yield json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"
