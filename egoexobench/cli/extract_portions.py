"""`egoexobench extract --on`: the same command for each portion, placed by a launcher."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from egoexobench.cli.progress_display import create_progress
from egoexobench.cli.typed_options import is_typed, iter_typed
from egoexobench.errors import DataError, UsageError
from egoexobench.terminal import show_text

if TYPE_CHECKING:
    from egoexobench.features.dataset_features import ExtractionResult
    from egoexobench.launchers.jobs import OnInterrupt
    from egoexobench.launchers.portions import PortionPlan
    from egoexobench.protocols import Dataset
    from egoexobench.registry import Registry

_LAUNCHING = frozenset({"launcher", "on_interrupt", "as_json"})
_EXCLUDED = {
    "shard_text": "--shard: a portion is a shard",
    "beats_folder": "--import-beats: nothing is encoded then",
    "exported": "--export: repeat the command with --export, which encodes nothing again",
}


def extract_in_portions(
    ctx: click.Context, registry: Registry, *, root: Path, on: str, on_interrupt: OnInterrupt
) -> dict[str, ExtractionResult]:
    """Extract in portions that a launcher places, and return what came of all of them.

    Args:
        ctx: of the command; every option that was typed is passed on.
        registry: of the command.
        root: folder of the stores.
        on: the launcher.
        on_interrupt: what Ctrl-C does with the jobs.

    Raises:
        UsageError: for an unknown launcher or option, or an option that portions cannot have.
        DataError: if a portion has not finished.
    """
    from egoexobench.data.sampling import get_sampler
    from egoexobench.files import check_writable
    from egoexobench.launchers.jobs import create_launcher
    from egoexobench.launchers.portions import run_portions

    for name, reason in _EXCLUDED.items():
        if is_typed(ctx, name):
            raise UsageError(f"--on cannot be used with {reason}")
    launcher = create_launcher(registry, on, on_interrupt)
    get_sampler(ctx.params["sampling"])
    dataset: Dataset = registry.create("dataset", ctx.params["dataset"])
    plan = _divide_work(ctx, registry, dataset, root=root, max_portions=launcher.portions)
    check_writable(root, is_folder=True)
    progress = create_progress()
    dataset.prepare(progress)  # once, and not by all portions at the same time
    result = run_portions(plan, launcher, progress, on_interrupt)
    if result.failures:
        raise DataError(
            f"{len(result.failures)} of {len(plan.sizes)} portions failed; {result.failures[0]}; "
            "repeat the command to continue"
        )
    if result.num_unreported:
        show_text(
            f"{result.num_unreported} of {len(plan.sizes)} portions finished on machines whose "
            f"files in {plan.folder} are not seen here: their clips are not counted below",
            is_error=True,
        )
    return dict(result.results)


def _divide_work(
    ctx: click.Context, registry: Registry, dataset: Dataset, *, root: Path, max_portions: int
) -> PortionPlan:
    from egoexobench.experiment.roles import find_modality
    from egoexobench.features.dataset_features import FULL, divide_clips, list_shard_texts
    from egoexobench.hashing import hash_json
    from egoexobench.launchers.portions import PortionPlan
    from egoexobench.layers import hash_layers
    from egoexobench.records.describe import hash_part_source
    from egoexobench.types import SPLITS

    parts = [registry.resolve("encoder", spec) for spec in ctx.params["specs"]]
    sizes: Sequence[int] = ()
    if any(find_modality(part, options) != "text" for part, options in parts):
        # a portion without a file would have nothing to do
        all_clips = [clip for split in SPLITS for clip in dataset.clips(split)]
        sizes = [len(clips) for clips in divide_clips(all_clips, max_portions) if clips]
    else:
        num_texts = len(list_shard_texts(dataset, "{}", FULL))
        count = max(1, min(max_portions, num_texts))
        sizes = [len(range(number, num_texts, count)) for number in range(count)]
    arguments = tuple(iter_typed(ctx, _LAUNCHING))
    identity = hash_json(
        [
            arguments,
            len(sizes),
            dataset.fingerprint,
            hash_layers(up_to="features"),
            [hash_part_source(part) for part, _ in parts],
        ]
    )
    return PortionPlan(arguments, root / ".portions" / identity, tuple(sizes) or (0,))
