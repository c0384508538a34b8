"""`egoexobench leaderboard`."""

from __future__ import annotations

from pathlib import Path

import click

from egoexobench.terminal import show_text


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
    "--check",
    is_flag=True,
    help="Write nothing; fail if a table is outdated or a submission is refused.",
)
@click.option(
    "--upgrade",
    is_flag=True,
    help="First rewrite reproduced rows of an older schema version; no number changes.",
)
@click.option(
    "--mix-protocols",
    is_flag=True,
    help="Let scores of different tracks share a column, with a footnote.",
)
def leaderboard_command(
    records: tuple[Path, ...], root: Path, check: bool, upgrade: bool, mix_protocols: bool
) -> None:
    """Write Markdown tables of reported and reproduced scores.

    RECORDS are records of runs, or folders of them; they are verified and added to the reproduced
    rows first. An audit of the same method, data and seed is searched in the folders of
    the records. Submissions of others are verified each time.
    """
    from egoexobench.leaderboard.collect import upgrade_reproduced_rows, write_reproduced_rows
    from egoexobench.leaderboard.pages import build_pages, check_pages, write_pages
    from egoexobench.leaderboard.submissions import list_submissions
    from egoexobench.records.store import list_records

    if check:
        num_submissions = len(list_submissions(root))
        check_pages(root, mix_protocols=mix_protocols)
        suffix = f"; verified submissions: {num_submissions}" if num_submissions else ""
        show_text(f"every table in {root} is up to date{suffix}")
        return
    written = upgrade_reproduced_rows(root) if upgrade else []
    if records:
        # A page that cannot be built is an error before any row is written.
        written += write_reproduced_rows(
            list_records(records),
            root,
            check=lambda rows: build_pages(root, mix_protocols=mix_protocols, new_rows=rows),
        )
    written += write_pages(root, mix_protocols=mix_protocols)
    for path in written:
        show_text(path)
