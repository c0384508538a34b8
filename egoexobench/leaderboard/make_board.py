"""Makes the board of a leaderboard: the tables of every data set, and those of papers."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from egoexobench.errors import DataError
from egoexobench.leaderboard.board import Board
from egoexobench.leaderboard.dataset_page import group_by_dataset
from egoexobench.leaderboard.headline import build_headline_tables
from egoexobench.leaderboard.reported import REPORTED_FOLDER, read_reported_tables
from egoexobench.leaderboard.reproduced import read_reproduced_rows
from egoexobench.leaderboard.submissions import read_submissions
from egoexobench.types import ALL_TASKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from egoexobench.leaderboard.board import BoardTable
    from egoexobench.leaderboard.reported import ReportedTable
    from egoexobench.leaderboard.reproduced import ReproducedRow
    from egoexobench.leaderboard.submitted_row import SubmittedRow


def make_board(
    rows: Sequence[ReproducedRow],
    *,
    submitted: Sequence[SubmittedRow] = (),
    reported: Sequence[ReportedTable] = (),
    mix_protocols: bool = False,
) -> Board:
    """Return the board: tables of each data set, reproduced before submitted ones.

    Args:
        rows: of our runs.
        submitted: rows of others; different tracks of them may always share a column.
        reported: tables of papers.
        mix_protocols: let different tracks share a column, with a note at each.

    Raises:
        DataError: if a column would mix tracks, without ``mix_protocols``.
    """
    tables = [
        *_iter_tables(rows, mix_protocols=mix_protocols),
        *_iter_tables(submitted, mix_protocols=True),
    ]
    return Board(
        tables=tuple(sorted(tables, key=lambda table: table.dataset)), reported=tuple(reported)
    )


def read_board(
    root: Path,
    *,
    new_rows: Mapping[str, str] = MappingProxyType({}),
    mix_protocols: bool = False,
) -> Board:
    """Return the board of a leaderboards folder; submissions are verified.

    Args:
        root: the folder; it may be empty or missing if there are new rows.
        new_rows: texts of rows beside those of the folder, by the names of their files.
        mix_protocols: as in `make_board`.

    Raises:
        DataError: if there is no row, a file is not valid, a submission is refused, or a column
            would mix tracks.
    """
    reported, submitted = read_reported_tables(root), read_submissions(root)
    rows = read_reproduced_rows(root, new_rows)
    check_any_row(root, reported, rows, submitted)
    return make_board(rows, submitted=submitted, reported=reported, mix_protocols=mix_protocols)


def check_any_row(root: Path, *sources: Sequence[object]) -> None:
    """Check that a leaderboards folder and what is added to it have something to show.

    Raises:
        DataError: if they have nothing.
    """
    if not any(sources):
        raise DataError(
            f"{root} has no reproduced rows and no {REPORTED_FOLDER}/*.toml; name records of runs, "
            "or another folder with --root"
        )


def _iter_tables(rows: Sequence[ReproducedRow], *, mix_protocols: bool) -> Iterator[BoardTable]:
    for _, group in group_by_dataset(rows):
        yield from build_headline_tables(group, ALL_TASKS, mix_protocols=mix_protocols)
