"""Turns run records into the rows that are committed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from egoexobench.leaderboard.build_row import build_reproduced_row
from egoexobench.leaderboard.reproduced import (
    FOLDER,
    make_row_file_name,
    read_reproduced_row,
    to_json,
)
from egoexobench.leaderboard.run_source import RunSource, read_run_sources
from egoexobench.records.store import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def collect_row_texts(records: Iterable[Path]) -> dict[str, str]:
    """Return the text of a row for each method, scale and data set, by the name of its file.

    Every record is verified first. Records of one seed that score a task alike are one run, that
    of the newest record. Failed runs are skipped.

    Args:
        records: of runs.

    Raises:
        DataError: if a record is not valid or fails its verification, the seeds of one row come
            from different methods, data, tracks or queries, or two records of one seed differ in a
            score.
    """
    groups: dict[str, list[RunSource]] = defaultdict(list)
    for source in read_run_sources(list(records)):
        record = source.record
        file_name = make_row_file_name(record.method, record.dataset, record.trained_on)
        groups[file_name].append(source)
    return {name: to_json(build_reproduced_row(group)) for name, group in sorted(groups.items())}


def upgrade_row_texts(root: Path) -> dict[str, str | None]:
    """Return the files under ``root/reproduced`` that the schema version of today changes.

    Returns:
        The new text by file name. A row gets the name that it has today: then its old name has
        None.

    Raises:
        DataError: with the file and the field that is wrong.
    """
    changes: dict[str, str | None] = {}
    for path in sorted((root / FOLDER).glob("*.json")):
        row = read_reproduced_row(path)
        name, text = make_row_file_name(row.method, row.dataset, row.trained_on), to_json(row)
        if name != path.name:
            changes[path.name] = None
        if name != path.name or read_text(path) != text:
            changes[name] = text
    return changes
