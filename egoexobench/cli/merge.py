"""`egoexobench merge`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("merge")
@click.argument("stores", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--into", type=click.Path(path_type=Path), help="Folder of stores.  [the cache]")
@click.option("--partial", is_flag=True, help="Join what there is where a shard is missing.")
def command(stores: tuple[Path, ...], into: Path | None, partial: bool) -> None:
    """Join STORES that `extract --shard i/n --out STORE` wrote into one.

    Features that several of them hold must agree; a shard that is not there is named.
    """
    from egoexobench import files
    from egoexobench.features.merge import merge_stores

    for one in merge_stores(stores, into or files.cache_dir() / "tokens", partial=partial):
        click.echo(f"{one.folder}: {one.num_added} added, {one.num_existing} there already")
