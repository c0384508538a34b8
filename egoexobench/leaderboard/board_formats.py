"""The formats in which a board can be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from egoexobench.errors import UsageError
from egoexobench.leaderboard.csv_board import render_csv
from egoexobench.leaderboard.html_board import render_html
from egoexobench.leaderboard.latex_board import render_latex
from egoexobench.leaderboard.markdown_board import render_markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from egoexobench.leaderboard.board import Board

BoardFormat = Literal["md", "tex", "csv", "json", "html"]
BOARD_FORMATS: tuple[BoardFormat, ...] = get_args(BoardFormat)


def get_format(path: Path) -> BoardFormat:
    """Return the format that the suffix of a file names.

    Raises:
        UsageError: for another suffix.
    """
    for board_format in BOARD_FORMATS:
        if path.suffix.lower() == f".{board_format}":
            return board_format
    raise UsageError(
        f"--out {path}: the suffix {path.suffix!r} names no format; use one of "
        f"{', '.join(BOARD_FORMATS)}, or say it with --format"
    )


def render_json(board: Board) -> str:
    """Return the board as JSON; its schema is that of `Board`."""
    return board.model_dump_json(indent=1) + "\n"


_RENDERERS: Mapping[BoardFormat, Callable[[Board], str]] = {
    "md": render_markdown,
    "tex": render_latex,
    "csv": render_csv,
    "json": render_json,
    "html": render_html,
}


def render_board(board: Board, board_format: BoardFormat) -> str:
    """Return a board as the text of a file."""
    return _RENDERERS[board_format](board)
