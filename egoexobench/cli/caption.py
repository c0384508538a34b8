"""`egoexobench caption`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Protocol, final, runtime_checkable

import click

from egoexobench.cli.plugins import registry
from egoexobench.errors import EXIT_INTERRUPTED, DataError
from egoexobench.types import SPLITS, Split

if TYPE_CHECKING:
    from egoexobench.captioning.cache import Store
    from egoexobench.captioning.stats import Written
    from egoexobench.protocols import Captioner, Dataset


@click.command("caption")
@click.argument("dataset", metavar="NAME[:KEY=VALUE,...]")
@click.option(
    "--captioner",
    "spec",
    default="rules",
    show_default=True,
    metavar="NAME[:KEY=VALUE,...]",
    help="See `list captioner`.",
)
@click.option(
    "--split",
    "splits",
    type=click.Choice(SPLITS),
    multiple=True,
    help="[all] May be given again; refining needs the training narrations and writes them too.",
)
@click.option(
    "--import",
    "source",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="First take in captions that --export wrote on another machine.",
)
@click.option(
    "--export",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write narrations and captions to this file.",
)
@click.option("--retry", is_flag=True, help="Ask again for what was refused before.")
@click.pass_context
def command(
    ctx: click.Context,
    dataset: str,
    spec: str,
    splits: tuple[Split, ...],
    source: Path | None,
    target: Path | None,
    retry: bool,
) -> None:
    """Write the sound caption of every narration of a data set into the store.

    It goes on where it stopped: what is in the store is not asked for again. Exits with 1 if the
    captioner could not go on, or no narration has a caption.
    """
    parts = registry(ctx)
    from egoexobench.captioning import transfer
    from egoexobench.captioning.cache import Store

    captioner: Captioner = parts.create("captioner", spec)
    made: Dataset = parts.create("dataset", dataset)
    store = Store()
    if source:
        parcel = transfer.admit(source, captioner, store)
        click.echo(f"{source}: {len(parcel.rows)} captions, {parcel.refused} refused")
    try:
        written = _write(captioner, made, splits, store, again=retry)
    except KeyboardInterrupt:
        click.echo("egoexobench: interrupted; captions stay, the same command goes on", err=True)
        ctx.exit(EXIT_INTERRUPTED)
    _tell(captioner, written)
    if target:
        transfer.export(target, captioner, written)
    if written.report.stopped:
        raise DataError(written.report.stopped)
    if not written.captions:
        raise DataError(
            "no narration has a sound caption; --retry asks again for what was refused, another "
            "--captioner may do better"
        )


def _write(
    captioner: Captioner, dataset: Dataset, splits: Sequence[Split], store: Store, *, again: bool
) -> Written:
    """Write the captions of some splits, and of training where refinement learns from it."""
    from egoexobench.captioning.pipeline import write
    from egoexobench.progress import NullProgress
    from egoexobench.protocols import ModelCaptioner, RefiningCaptioner

    asked = list(splits or SPLITS)
    if (
        isinstance(captioner, ModelCaptioner | RefiningCaptioner)
        and captioner.frequent
        and "train" not in asked
    ):
        asked.append("train")
    every = {name: text for split in asked for name, text in _narrations(dataset, split).items()}
    return write(
        captioner,
        every,
        training=[pair.id for pair in dataset.pairs("train")] if "train" in asked else [],
        store=store,
        progress=Rated(captioner) if sys.stderr.isatty() else NullProgress(),
        again=again,
    )


def _tell(captioner: Captioner, written: Written) -> None:
    from egoexobench.captioning.stats import tell

    click.echo("\n".join(tell(written.report)))
    if isinstance(captioner, Priced) and captioner.spent is not None:
        click.echo(f"cost by the prices given: {captioner.spent:.2f}")


def _narrations(dataset: Dataset, split: Split) -> dict[str, str]:
    """Narrations by id that a run captions: of pairs, of their clips, of clips asked by text."""
    pairs = dataset.pairs(split)
    told = {clip.id: clip.narration for pair in pairs for clip in (pair.ego, pair.exo)}
    asked = {query.source for query in dataset.queries(split, "t2v")}
    asked |= {name for query in dataset.queries(split, "v2t") for name in query.gallery.ids}
    told |= {clip.id: clip.narration for clip in dataset.clips(split) if clip.id in asked}
    return told | {pair.id: pair.narration for pair in pairs}


@runtime_checkable
class Priced(Protocol):
    """A captioner whose answers cost money."""

    @property
    def spent(self) -> float | None:
        """Cost so far; None if no prices were given."""
        ...


@final
class Rated:
    """A bar with rate and time left, and what it costs where prices are given."""

    def __init__(self, captioner: Captioner) -> None:
        self._captioner = captioner

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        """A bar a stage, on standard error."""
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description:<9}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[cost]}"),
        )
        begun, before = monotonic(), self._cost() or 0.0
        with Progress(*columns, console=Console(stderr=True), speed_estimate_period=120) as bars:
            task = bars.add_task(name, total=total, rate="", cost="")
            done = 0

            def advance(n: int) -> None:
                nonlocal done
                done += n
                rate = f"{done / max(monotonic() - begun, 1e-9):.3g}/s"
                bars.update(task, advance=n, rate=rate, cost=self._estimate(before, done, total))

            yield advance

    def _estimate(self, before: float, done: int, total: int) -> str:
        spent = self._cost()
        if spent is None or not done:
            return ""
        return f"cost {spent:.2f} of about {before + (spent - before) * total / done:.2f}"

    def _cost(self) -> float | None:
        return self._captioner.spent if isinstance(self._captioner, Priced) else None
