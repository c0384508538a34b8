"""`egoexobench submit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from egoexobench.terminal import show_text


@click.command("submit")
@click.argument(
    "bundles", nargs=-1, required=True, metavar="BUNDLE...", type=click.Path(path_type=Path)
)
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default="leaderboards/submissions",
    show_default=True,
    help="Folder of all submissions.",
)
@click.option("--name", help="Name of the submission, a new folder.  [made from the method]")
@click.option("--card", type=click.Path(path_type=Path), help="Card in TOML or JSON.")
@click.option("--method", help="Name of the method.  [as in the record]")
@click.option("--author", "authors", multiple=True, help="An author. May be repeated.")
@click.option("--paper", metavar="URL", help="Address of a paper.")
@click.option("--code", metavar="URL", help="Address of the code.")
@click.option("--license", metavar="SPDX", help="How the files may be used, such as CC-BY-4.0.")
@click.option("--training-data", help="Every data set that the method learned from.")
def submit_command(
    bundles: tuple[Path, ...], folder: Path, name: str | None, card: Path | None, **options: Any
) -> None:
    """Put verified records and a card into a folder that a pull request adds.

    BUNDLE is a record, or a folder with records, of one method: its seeds, and its data sets. An
    option wins over the same field of the card, and the card over the record.
    """
    from egoexobench.leaderboard.submission_card import read_card_fields
    from egoexobench.leaderboard.submit import write_submission
    from egoexobench.records.store import list_records

    fields = read_card_fields(card) if card else {}
    fields |= {field: value for field, value in options.items() if value}
    submission = write_submission(list_records(bundles), folder, fields, name=name)
    num_records = sum(len(row.runs) for row in submission.rows)
    show_text(
        f"{submission.folder}: verified records: {num_records}, files: {submission.num_files}, "
        f"{submission.num_bytes / 2**20:.1f} MiB; run `egoexobench leaderboard` and add all files "
        "in a pull request"
    )
