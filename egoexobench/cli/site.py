"""`egoexobench site`."""

from __future__ import annotations

from pathlib import Path

import click

from egoexobench.terminal import show_text


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
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of reported and reproduced rows.  [default: leaderboards, else those that were "
    "installed]",
)
@click.option("--check", is_flag=True, help="Write nothing; fail if the site is outdated.")
def build_command(runs: tuple[Path, ...], out: Path, root: Path | None, check: bool) -> None:
    """Write a site that any browser opens from the disk, and any web server can serve.

    RUNS are records of runs, or folders of them. A file that cannot be used is named on the page
    and here; the rest is shown.
    """
    from egoexobench.site.build import check_replaceable, check_site, render_site, write_site
    from egoexobench.site.inputs import find_leaderboards_folder, load_site_inputs

    if not check:
        check_replaceable(out)
    inputs = load_site_inputs(runs, root or find_leaderboards_folder())
    for problem in inputs.problems:
        show_text(f"note: {problem}", is_error=True)
    files = render_site(inputs)
    if check:
        check_site(files, out)
        show_text(f"{out} is up to date")
        return
    write_site(files, out)
    show_text(out / "index.html")
