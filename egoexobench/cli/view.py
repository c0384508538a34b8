"""`egoexobench view`."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from egoexobench.cli.common_options import SITE_CAPTIONS_OPTION, SITE_ROOT_OPTION
from egoexobench.cli.completion import complete_parts
from egoexobench.cli.interruption import SignalInterrupt, get_exit_code
from egoexobench.cli.site import open_datasets
from egoexobench.terminal import show_text

if TYPE_CHECKING:
    from egoexobench.site.media import MediaChoice

FORWARD_HINT = (
    "open this address; if the command runs on another machine, first run "
    "`ssh -L {port}:127.0.0.1:{port} MACHINE` on yours"
)


@click.command("view")
@click.argument("runs", nargs=-1, type=click.Path(exists=True, path_type=Path))
@SITE_ROOT_OPTION
@click.option(
    "--dataset",
    "datasets",
    multiple=True,
    metavar="NAME[:KEY=VALUE,...]",
    shell_complete=complete_parts("dataset"),
    help="Play the clips of this data set. May be repeated.",
)
@SITE_CAPTIONS_OPTION
@click.option("--port", type=click.IntRange(1, 65535), help="Port on 127.0.0.1.  [a free one]")
@click.option(
    "--open/--no-open",
    "use_browser",
    default=None,
    help="Open the browser.  [open it, unless over ssh or without a display]",
)
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="HOST[:PORT]",
    help="Also answer under this host of an address, for example of a forwarded port. "
    "May be repeated.",
)
@click.pass_context
def view_command(
    ctx: click.Context,
    runs: tuple[Path, ...],
    root: Path | None,
    datasets: tuple[str, ...],
    captions: Path | None,
    port: int | None,
    use_browser: bool | None,
    hosts: tuple[str, ...],
) -> None:
    """Show runs and leaderboards in the browser, on this machine only.

    RUNS are records of runs, or folders of them. The pages are those of `site build`, and are
    loaded again when a run ends. Ctrl-C ends the command. See docs/view.md.
    """
    from egoexobench.site.inputs import find_leaderboards_folder
    from egoexobench.viewer.browser import has_browser, open_browser
    from egoexobench.viewer.site_builder import SiteBuilder, refresh_site
    from egoexobench.viewer.site_content import SiteContent
    from egoexobench.viewer.site_server import SiteServer

    with SiteServer(SiteContent({}), port=port or 0, hosts=hosts) as server:
        builder = SiteBuilder(runs, root or find_leaderboards_folder())
        inputs = builder.load_inputs()
        media: MediaChoice = "copy" if datasets else "none"
        builder.datasets = open_datasets(ctx, datasets, media, captions, runs=inputs.runs)
        server.content = builder.build_content(inputs)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            show_text(server.access.address)
            opens_browser = has_browser() if use_browser is None else use_browser
            if not (opens_browser and open_browser(server.access.make_single_use_address())):
                show_text(FORWARD_HINT.format(port=server.server_port), is_error=True)
            refresh_site(server, builder, threading.Event())
        except KeyboardInterrupt as error:  # nothing is left to continue
            show_text("egoexobench: the server has ended", is_error=True)
            ctx.exit(get_exit_code(error.number if isinstance(error, SignalInterrupt) else None))
        finally:
            server.shutdown()
