"""`egoexobench merge`."""

from __future__ import annotations

from pathlib import Path

import click

from egoexobench.terminal import show_text


@click.command("merge")
@click.argument("stores", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--into", type=click.Path(path_type=Path), help="Folder of the merged stores.  [the cache]"
)
@click.option("--partial", is_flag=True, help="Merge also if a shard is missing.")
def merge_command(stores: tuple[Path, ...], into: Path | None, partial: bool) -> None:
    """Merge STORES that `extract --shard i/n --out STORE` wrote.

    Fails if two stores have different features of one clip, and names missing shards.
    """
    from egoexobench.features.merge import merge_stores
    from egoexobench.files import cache_dir

    for result in merge_stores(stores, into or cache_dir() / "tokens", partial=partial):
        show_text(
            f"{result.folder}: {result.num_added} added, {result.num_existing} already stored"
        )
