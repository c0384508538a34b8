"""The board as values: what all formats show."""

from pathlib import Path

import pytest

from egoexobench.leaderboard.board import Board
from egoexobench.leaderboard.make_board import make_board
from egoexobench.leaderboard.reported import read_reported_tables
from egoexobench.leaderboard.reproduced import ReproducedRow, read_reproduced_rows

ROOT = Path(__file__).parents[2] / "leaderboards"


@pytest.fixture(scope="module")
def committed_rows() -> list[ReproducedRow]:
    return read_reproduced_rows(ROOT)


@pytest.fixture(scope="module")
def committed_board(committed_rows: list[ReproducedRow]) -> Board:
    return make_board(committed_rows, reported=read_reported_tables(ROOT))


def test_a_board_has_a_table_for_each_policy_and_one_for_recognition(
    committed_board: Board,
) -> None:
    policies = [table.policy for table in committed_board.tables]
    assert policies == ["gallery", "mcq20", "both-views", "rerank@100", None]
    assert len(committed_board.reported) == 6


def test_a_cell_has_the_mean_over_seeds_of_its_row(
    committed_board: Board, committed_rows: list[ReproducedRow]
) -> None:
    table = committed_board.tables[0]
    (row,) = [row for row in table.rows if row.label == "egoexo"]
    source = next(source for source in committed_rows if source.method.spec == "egoexo")
    cell, column = row.cells[0], table.columns[0]
    assert cell is not None
    values = [run.metrics[cell.track][column.metric].value for run in source.runs]
    assert len(values) == len(cell.seeds) == 5
    assert cell.value == pytest.approx(sum(values) / 5)
    assert cell.low is not None
    assert cell.high is not None
    assert cell.low < cell.value < cell.high


def test_a_board_is_the_same_after_json(committed_board: Board) -> None:
    assert Board.model_validate_json(committed_board.model_dump_json()) == committed_board
