"""Turns run records into the rows that are committed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from egoexobench.files import write_text_atomic
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
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path


def write_reproduced_rows(
    records: Iterable[Path],
    root: Path,
    *,
    check: Callable[[Mapping[str, str]], object] | None = None,
) -> list[Path]:
    """Write one file under ``root/reproduced`` for each method, scale and data set.

    Every record is verified first. Records of one seed that score a task alike are one run, that
    of the newest record. An existing file of the same name is replaced; others are left. Failed
    runs are skipped.

    Args:
        records: of runs.
        root: the leaderboards folder.
        check: gets the text of each new file by name before anything is written, and may raise.

    Returns:
        The files that were written.

    Raises:
        DataError: that of ``check``, or if a record is not valid or fails its verification, the
            seeds of one row come from different methods, data, tracks or queries, or two records of
            one seed differ in a score; then nothing is written.
    """
    groups: dict[str, list[RunSource]] = defaultdict(list)
    for source in read_run_sources(list(records)):
        record = source.record
        file_name = make_row_file_name(record.method, record.dataset, record.trained_on)
        groups[file_name].append(source)
    texts = {name: to_json(build_reproduced_row(group)) for name, group in sorted(groups.items())}
    if check:
        check(texts)
    for name, text in texts.items():
        write_text_atomic(root / FOLDER / name, text)
    return [root / FOLDER / name for name in texts]


def upgrade_reproduced_rows(root: Path) -> list[Path]:
    """Write every file under ``root/reproduced`` again, in the schema version of today.

    A file gets the name that its row has today.

    Returns:
        The files that were written because their text or their name changed.

    Raises:
        DataError: with the file and the field that is wrong; then nothing is written.
    """
    paths = sorted((root / FOLDER).glob("*.json"))
    rows = {path: read_reproduced_row(path) for path in paths}
    written = []
    for path, row in rows.items():
        name = make_row_file_name(row.method, row.dataset, row.trained_on)
        target, text = path.with_name(name), to_json(row)
        if target != path or read_text(path) != text:
            write_text_atomic(target, text)
            written.append(target)
        if target != path:
            path.unlink()
    return written
