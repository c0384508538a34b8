"""`egoexobench site`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from egoexobench.cli.common_options import SITE_CAPTIONS_OPTION, SITE_ROOT_OPTION
from egoexobench.cli.completion import complete_parts
from egoexobench.cli.plugins import load_registry
from egoexobench.cli.progress_display import create_progress
from egoexobench.errors import UsageError, notify
from egoexobench.terminal import show_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoexobench.site.inputs import SiteRun
    from egoexobench.site.media import MediaChoice
    from egoexobench.site.opened_dataset import OpenedDataset

MEDIA_NOTICE = (
    "the site will have clips of the data set: its terms say whether you may pass them on"
)


@click.group("site")
def site_command() -> None:
    """Build a static site of runs and leaderboards."""


@site_command.command("build")
@click.argument("runs", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default="site",
    show_default=True,
    help="Folder of the site; a site that is there is replaced.",
)
@SITE_ROOT_OPTION
@click.option(
    "--dataset",
    "datasets",
    multiple=True,
    metavar="NAME[:KEY=VALUE,...]",
    shell_complete=complete_parts("dataset"),
    help="Open this data set for texts and a report of its clips. May be repeated.",
)
@click.option(
    "--media",
    type=click.Choice(["none", "copy", "previews"]),
    default="none",
    show_default=True,
    help="Clips of the data sets: none, as they are, or small ones.",
)
@SITE_CAPTIONS_OPTION
@click.option("--check", is_flag=True, help="Write nothing; fail if the site is outdated.")
@click.pass_context
def build_command(
    ctx: click.Context,
    runs: tuple[Path, ...],
    out: Path,
    root: Path | None,
    datasets: tuple[str, ...],
    media: MediaChoice,
    captions: Path | None,
    check: bool,
) -> None:
    """Write a site that any browser opens from the disk, and any web server can serve.

    RUNS are records of runs, or folders of them. A file that cannot be used is named on the page
    and here; the rest is shown. The site has no clips unless you ask for them: the terms of a data
    set may forbid to pass them on.
    """
    from egoexobench.site.build import (
        check_replaceable,
        check_site,
        list_media,
        render_site,
        write_site,
    )
    from egoexobench.site.inputs import find_leaderboards_folder, load_site_inputs

    if not check:
        check_replaceable(out)
    inputs = load_site_inputs(runs, root or find_leaderboards_folder())
    opened = open_datasets(ctx, datasets, media, captions, runs=inputs.runs)
    if opened and media != "none":
        notify(MEDIA_NOTICE)
    inputs = replace(inputs, datasets=opened)
    for problem in inputs.problems:
        notify(problem)
    files = render_site(inputs)
    if check:
        check_site(files, out, list_media(inputs))
        show_text(f"{out} is up to date")
        return
    write_site(files, out, list_media(inputs))
    show_text(out / "index.html")


def open_datasets(
    ctx: click.Context,
    specs: tuple[str, ...],
    media: MediaChoice,
    captions: Path | None,
    *,
    runs: Sequence[SiteRun],
) -> tuple[OpenedDataset, ...]:
    """Open data sets and make the media of their clips, with progress.

    Raises:
        UsageError: if there are media or captions of no data set.
        DataError: if a data set cannot be read, or is that of no run.
    """
    if not specs:
        option = "--media" if media != "none" else "--captions" if captions else None
        if option:
            raise UsageError(f"{option} needs the data set of the clips: name it with --dataset")
        return ()
    from egoexobench.site.opened_dataset import open_site_datasets
    from egoexobench.spec import Spec

    return open_site_datasets(
        load_registry(ctx),
        map(Spec.parse, specs),
        runs=runs,
        media=media,
        captions=captions,
        progress=create_progress(),
    )
