"""`egoexobench caption`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Protocol, final, runtime_checkable

import click

from egoexobench.cli.completion import complete_parts
from egoexobench.cli.plugins import load_registry
from egoexobench.errors import DataError, UsageError
from egoexobench.terminal import create_console, show_text
from egoexobench.types import SPLITS, Split

if TYPE_CHECKING:
    from egoexobench.captioning.stats import CaptionSet
    from egoexobench.progress import Advance
    from egoexobench.protocols import Captioner, Dataset
    from egoexobench.response_cache import ResponseCache


@click.command("caption")
@click.argument("dataset", metavar="NAME[:KEY=VALUE,...]", shell_complete=complete_parts("dataset"))
@click.option(
    "--captioner",
    "spec",
    default="rules",
    show_default=True,
    metavar="NAME[:KEY=VALUE,...]",
    shell_complete=complete_parts("captioner"),
    help="Captioner, see `list captioner`.",
)
@click.option(
    "--split",
    "splits",
    type=click.Choice(SPLITS),
    multiple=True,
    help="[all] May be repeated. Refinement needs and writes the training captions as well.",
)
@click.option(
    "--import",
    "import_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="First add captions to the cache that --export wrote on another machine.",
)
@click.option(
    "--export",
    "export_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write narrations and captions to this file.",
)
@click.option("--retry", is_flag=True, help="Request captions again that were refused before.")
@click.pass_context
def caption_command(
    ctx: click.Context,
    dataset: str,
    spec: str,
    splits: tuple[Split, ...],
    import_file: Path | None,
    export_file: Path | None,
    retry: bool,
) -> None:
    """Write the sound caption of every narration of a data set to the cache.

    Captions that are already in the cache are not requested again, so you can repeat the command
    after an interruption. Exit code 1 means that the captioner could not continue, or that no
    narration has a caption.
    """
    parts = load_registry(ctx)
    from egoexobench.captioning.cache import open_cache
    from egoexobench.captioning.transfer import export_captions, import_captions
    from egoexobench.experiment.part_identity import describe_part_identity
    from egoexobench.files import check_writable
    from egoexobench.protocols import AudioCaptioner

    if export_file:
        check_writable(export_file)
    factory, captioner_options = parts.resolve("captioner", spec)
    captioner: Captioner = factory.create(options=captioner_options)
    if isinstance(captioner, AudioCaptioner):
        raise UsageError(
            f"captioner {factory.name!r} reads sound and no narration; `run --set "
            f"captioner={spec}` writes down what is said in the clips"
        )
    source: Dataset = parts.create("dataset", dataset)
    cache = open_cache(part=describe_part_identity(factory, captioner_options))
    if import_file:
        imported = import_captions(import_file, captioner, cache)
        show_text(f"{import_file}: {len(imported.rows)} captions, {imported.refused} refused")
    caption_set = _generate_captions(captioner, source, splits, cache, retry_refused=retry)
    _print_stats(captioner, caption_set)
    if export_file:
        export_captions(export_file, captioner, caption_set)
    if caption_set.stats.abort_reason:
        raise DataError(caption_set.stats.abort_reason)
    if not caption_set.captions:
        raise DataError(
            "no narration has a sound caption; use --retry to request refused captions again, or "
            "another --captioner"
        )


def _generate_captions(
    captioner: Captioner,
    dataset: Dataset,
    splits: Sequence[Split],
    cache: ResponseCache,
    *,
    retry_refused: bool,
) -> CaptionSet:
    """Write the captions of some splits, and training captions if the refinement needs them."""
    from egoexobench.captioning.pipeline import generate_captions
    from egoexobench.progress import LineProgress
    from egoexobench.protocols import ModelCaptioner, RefiningCaptioner

    selected = list(splits or SPLITS)
    if (
        isinstance(captioner, ModelCaptioner | RefiningCaptioner)
        and captioner.frequent
        and "train" not in selected
    ):
        selected.append("train")
    narrations: dict[str, str] = {}
    for split in selected:
        narrations |= _collect_narrations(dataset, split)
    return generate_captions(
        captioner,
        narrations,
        training=[pair.id for pair in dataset.pairs("train")] if "train" in selected else [],
        cache=cache,
        progress=RateProgress(captioner) if sys.stderr.isatty() else LineProgress(),
        retry_refused=retry_refused,
    )


def _print_stats(captioner: Captioner, caption_set: CaptionSet) -> None:
    from egoexobench.captioning.stats import format_stats

    show_text("\n".join(format_stats(caption_set.stats)))
    if isinstance(captioner, HasCost) and captioner.spent is not None:
        show_text(f"cost: {captioner.spent:.2f}")


def _collect_narrations(dataset: Dataset, split: Split) -> dict[str, str]:
    """Return the narrations that a run captions: of pairs, their clips and text queries."""
    pairs = dataset.pairs(split)
    narrations = {clip.id: clip.narration for pair in pairs for clip in (pair.ego, pair.exo)}
    from egoexobench.data.unfair_queries import iter_fair_queries

    queried = {query.source for query in iter_fair_queries(dataset, split, "t2v")}
    for query in iter_fair_queries(dataset, split, "v2t"):
        queried |= set(query.gallery.ids)
    narrations |= {clip.id: clip.narration for clip in dataset.clips(split) if clip.id in queried}
    return narrations | {pair.id: pair.narration for pair in pairs}


@runtime_checkable
class HasCost(Protocol):
    """A captioner whose responses cost money."""

    @property
    def spent(self) -> float | None:
        """Cost so far; None without prices."""
        ...


@final
class RateProgress:
    """A progress bar with rate, remaining time and, with prices, cost."""

    def __init__(self, captioner: Captioner) -> None:
        self._captioner = captioner

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """Show a progress bar for a stage on standard error."""
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description:<9}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[cost]}"),
        )
        start_time, start_cost = monotonic(), self._read_cost() or 0.0
        console = create_console(sys.stderr)
        with Progress(*columns, console=console, speed_estimate_period=120) as bars:
            task = bars.add_task(name, total=total, rate="", cost="")
            num_done = 0

            def advance(count: int, note: str = "", /) -> None:
                nonlocal num_done
                del note
                num_done += count
                rate = f"{num_done / max(monotonic() - start_time, 1e-9):.3g}/s"
                bars.update(
                    task,
                    advance=count,
                    rate=rate,
                    cost=self._format_cost(start_cost, num_done, total),
                )

            yield advance

    def _format_cost(self, start_cost: float, num_done: int, total: int) -> str:
        cost = self._read_cost()
        if cost is None or not num_done:
            return ""
        return f"cost {cost:.2f} of about {start_cost + (cost - start_cost) * total / num_done:.2f}"

    def _read_cost(self) -> float | None:
        return self._captioner.spent if isinstance(self._captioner, HasCost) else None
