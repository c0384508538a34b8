"""`egoexobench leaderboard`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from egoexobench.errors import UsageError
from egoexobench.terminal import show_text

if TYPE_CHECKING:
    from egoexobench.leaderboard.board_formats import BoardFormat

FORMATS = ("md", "tex", "csv", "json", "html")
"""Those of `BoardFormat`, which is not imported to show a help text."""


@click.command("leaderboard")
@click.argument("records", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    default="leaderboards",
    show_default=True,
    help="Folder of reported and reproduced rows and of the tables.",
)
@click.option(
    "--format",
    "board_format",
    type=click.Choice(FORMATS),
    help="Print the tables in this format, or write them to --out; --root stays as it is.",
)
@click.option(
    "--out",
    "outs",
    type=click.Path(dir_okay=False, path_type=Path),
    multiple=True,
    help="File for the tables; without --format its suffix says the format. May be repeated.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Write nothing; fail if a table is outdated or a submission is refused.",
)
@click.option(
    "--upgrade",
    is_flag=True,
    help="Also rewrite reproduced rows of an older schema version; no number changes.",
)
@click.option(
    "--mix-protocols",
    is_flag=True,
    help="Let scores of different tracks share a column, with a footnote.",
)
def leaderboard_command(
    records: tuple[Path, ...],
    root: Path,
    board_format: BoardFormat | None,
    outs: tuple[Path, ...],
    check: bool,
    upgrade: bool,
    mix_protocols: bool,
) -> None:
    """Write tables of reported and reproduced scores.

    RECORDS are records of runs, or folders of them; they are verified. Without --format and --out
    they are added to the reproduced rows in ROOT, and ROOT gets a Markdown page for each data set.
    An audit of the same method, data and seed is searched in the folders of
    the records. Submissions of others are verified each time.
    """
    from egoexobench.leaderboard.collect import collect_row_texts, upgrade_row_texts
    from egoexobench.leaderboard.pages import check_pages, write_leaderboard
    from egoexobench.leaderboard.submissions import list_submissions
    from egoexobench.records.store import list_records

    if board_format or outs:
        if check or upgrade:
            raise UsageError(
                "--format and --out leave --root as it is, so they cannot be used with --check or "
                "--upgrade"
            )
        _export_board(
            records, root, board_format=board_format, outs=outs, mix_protocols=mix_protocols
        )
        return
    if check:
        num_submissions = len(list_submissions(root))
        check_pages(root, mix_protocols=mix_protocols)
        suffix = f"; verified submissions: {num_submissions}" if num_submissions else ""
        show_text(f"every table in {root} is up to date{suffix}")
        return
    changes = upgrade_row_texts(root) if upgrade else {}
    changes |= collect_row_texts(list_records(records)) if records else {}
    for path in write_leaderboard(root, new_rows=changes, mix_protocols=mix_protocols):
        show_text(path)


def _export_board(
    records: tuple[Path, ...],
    root: Path,
    *,
    board_format: BoardFormat | None,
    outs: tuple[Path, ...],
    mix_protocols: bool,
) -> None:
    """Print the board of ROOT and of more records, or write it to files.

    Without records and without that folder it is the board that comes with the toolkit.
    """
    from egoexobench.files import check_writable, write_texts_atomic
    from egoexobench.leaderboard.board_formats import get_format, render_board
    from egoexobench.leaderboard.collect import collect_row_texts
    from egoexobench.leaderboard.make_board import read_board
    from egoexobench.records.store import list_records

    if not records and not root.exists():
        from egoexobench.leaderboard.packaged import find_packaged_leaderboards

        root = find_packaged_leaderboards()  # an installed toolkit has no folder of the user's
    formats = {path: board_format or get_format(path) for path in outs}
    for path in outs:
        check_writable(path)
    new_rows = collect_row_texts(list_records(records)) if records else {}
    board = read_board(root, new_rows=new_rows, mix_protocols=mix_protocols)
    if board_format and not outs:
        show_text(render_board(board, board_format).removesuffix("\n"))
    write_texts_atomic({path: render_board(board, each) for path, each in formats.items()})
    for path in outs:
        show_text(path)
