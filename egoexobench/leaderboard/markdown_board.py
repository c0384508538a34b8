"""Renders the board as one page of Markdown."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from egoexobench.leaderboard.headline import format_title
from egoexobench.leaderboard.markdown import READING_NOTE, escape_markdown
from egoexobench.leaderboard.paper_page import render_reported
from egoexobench.leaderboard.render import format_code, render_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from egoexobench.leaderboard.board import Board

ORIGIN_TITLES = {"reproduced": "Reproduced", "submitted": "Submitted by others"}


def render_markdown(board: Board) -> str:
    """Return every table below a heading, then how to read them."""
    return "\n".join(("# Leaderboard\n", *_iter_sections(board), READING_NOTE))


def _iter_sections(board: Board) -> Iterator[str]:
    for (origin, dataset), tables in groupby(
        board.tables, lambda each: (each.origin, each.dataset)
    ):
        yield f"## {ORIGIN_TITLES[origin]} on {format_code(dataset)}\n"
        for table in tables:
            yield f"### {format_title(table)}\n\n{render_table(table)}"
    for reported in board.reported:
        yield f"## Reported: {escape_markdown(reported.caption)}\n\n{render_reported(reported)}"
