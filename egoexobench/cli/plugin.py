"""`egoexobench plugin`: `new` and `check`."""

from __future__ import annotations

from pathlib import Path

import click

from egoexobench.cli.plugin_check import check_command
from egoexobench.registry import PART_KINDS
from egoexobench.scaffold.create import LICENSES, create_distribution
from egoexobench.terminal import show_text


@click.group("plugin")
def plugin_command() -> None:
    """Write a plug-in of your own, and check it."""


plugin_command.add_command(check_command)


@plugin_command.command("new")
@click.argument("name")
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(PART_KINDS),
    multiple=True,
    required=True,
    help="Kind of a part. May be repeated.",
)
@click.option(
    "--license",
    "license_name",
    type=click.Choice(LICENSES),
    default=LICENSES[0],
    show_default=True,
    help="License of the distribution.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to create.  [NAME]")
def new_command(name: str, kinds: tuple[str, ...], license_name: str, out: Path | None) -> None:
    """Write a distribution NAME with a working part of each kind, tests and a CI file.

    Its tests and `egoexobench plugin check` pass at once: change the parts into your own.
    """
    folder = create_distribution(name, kinds, license_name=license_name, out=out)
    modules = sorted(folder.glob("src/*/*.py"))
    for module in modules:
        if module.stem in kinds:
            show_text(f"{module.stem}: {module}")
    show_text(f"Check it: egoexobench plugin check {folder}")
