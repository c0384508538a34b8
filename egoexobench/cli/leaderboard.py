"""`egoexobench leaderboard`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("leaderboard")
@click.argument("records", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default="leaderboards",
    show_default=True,
    help="Folder of reported and reproduced rows and of the tables.",
)
@click.option("--check", is_flag=True, help="Write nothing; fail if a table is stale.")
@click.option(
    "--mix-protocols",
    is_flag=True,
    help="Let scores of different tracks share a column, with a footnote.",
)
def command(records: tuple[Path, ...], root: Path, check: bool, mix_protocols: bool) -> None:
    """Join reported and reproduced numbers into Markdown tables.

    RECORDS are records of runs, or folders of them, to be added to the reproduced rows first.
    """
    from egoexobench.leaderboard import collect, pages
    from egoexobench.records.store import find_records

    if check:
        pages.check_pages(root, mix_protocols=mix_protocols)
        click.echo(f"every table in {root} is as its data say")
        return
    if records:
        files = [file for one in records for file in (find_records(one) if one.is_dir() else [one])]
        for path in collect.write_reproduced_rows(files, root):
            click.echo(path)
    for path in pages.write_pages(root, mix_protocols=mix_protocols):
        click.echo(path)
