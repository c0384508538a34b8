"""Makes the board of a leaderboard: the tables of every data set, and those of papers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.leaderboard.board import Board
from egoexobench.leaderboard.dataset_page import group_by_dataset
from egoexobench.leaderboard.headline import build_headline_tables
from egoexobench.types import TASKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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


def _iter_tables(rows: Sequence[ReproducedRow], *, mix_protocols: bool) -> Iterator[BoardTable]:
    for _, group in group_by_dataset(rows):
        yield from build_headline_tables(group, TASKS, mix_protocols=mix_protocols)
