"""`run` and `embed`: a method on a data set, from Python."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egoexobench.api.arguments import (
    EmbedArguments,
    MethodArguments,
    RunArguments,
    check_arguments,
    name_argument,
)
from egoexobench.api.installed_parts import load_installed_parts
from egoexobench.part_errors import name_failing_part
from egoexobench.spec import Spec
from egoexobench.types import DEFAULT_NUM_TOP

if TYPE_CHECKING:
    from egoexobench.experiment.config import RunConfig
    from egoexobench.experiment.context import RunContext
    from egoexobench.experiment.embed import SplitEmbeddings
    from egoexobench.protocols import Progress
    from egoexobench.results.run_result import RunResult


def run(
    method: str | Spec,
    *,
    dataset: str | Spec = "synthetic",
    tasks: str | Sequence[str] = "all",
    seed: int = 0,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - the name of the option of the command
    scale: str = "compact",
    out: str | Path = "runs",
    missing_audio: str = "error",
    train_on: str | Spec | None = None,
    allow_missing: bool = False,
    allow_overlap: bool = False,
    subset: str | Path | None = None,
    device: str = "cpu",
    precision: str = "fp32",
    workers: int | None = None,
    compile: bool = False,  # noqa: A002 - the name of the option of the command
    micro_batch: int | None = None,
    encoder_batch: int | None = None,
    embeddings: bool = True,
    keep_top: int = DEFAULT_NUM_TOP,
    track: str | Spec | Sequence[str | Spec] = (),
    progress: bool | None = None,
) -> RunResult:
    """Train a method, score it and write the record of the run, as `egoexobench run` does.

    Args:
        method: name of a method, with its options: ``"soundbridge:residual=none"``.
        dataset: name of a data set, with its options: ``"folder:path=clips"``.
        tasks: ``"all"``, one task or several of ``eg2ex``, ``ex2eg``, ``t2v``, ``v2t``, ``scene``
            and ``action``; on frames ``"frames"``, or ``phase``, ``frame-retrieval``,
            ``progression`` and ``alignment``.
        seed: seed of weights, order and intervals; 0 or more.
        set: parts or settings of the method to replace: ``{"epochs": 2, "anchor": "narration"}``.
        scale: ``"compact"``, ``"pretrained"`` or ``"paper"``.
        out: folder of the record.
        missing_audio: what to do with clips without sound: ``"error"`` stops, ``"skip"`` excludes
            their pairs, ``"mask"`` embeds them from the frames alone.
        train_on: another data set to train on.
        allow_missing: exclude clips that cannot be used, and record how many.
        allow_overlap: go on if test clips have the content of clips of train or val, and record how
            many.
        subset: file of ``egoexobench data doctor --save-subset`` with the clips to use.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"auto"``.
        precision: ``"fp32"``, ``"bf16"`` or ``"fp16"``.
        workers: processes that decode the pictures of a method with ``augment``; 0 uses none, None
            chooses a number. No score depends on it.
        compile: compile networks with torch.compile.
        micro_batch: pairs of a batch that are embedded at once in training, so that it needs less
            memory; the gradients are those of the whole batch. None embeds all.
        encoder_batch: clips or texts of one forward pass of frozen encoders; None is 16, and on a
            GPU as many as fit, up to 64.
        embeddings: write the embeddings beside the record; without them ``verify`` cannot
            recompute the ranks.
        keep_top: first candidates of each query to write beside the record; 0 writes none.
        track: trackers that show the run, such as ``"tensorboard:folder=logs"``; one or several.
        progress: show bars in a terminal and lines elsewhere; None does so, False shows none.

    Returns:
        The result; ``print(result)`` shows its table, ``result.frame()`` its scores.

    Raises:
        UsageError: for an argument that is not valid; the message names it.
        DataError: for a file, a row or a clip that cannot be used.
        PartError: for an exception in a plug-in; the message names the part.
    """
    arguments = check_arguments(RunArguments, locals())
    from dataclasses import replace

    from egoexobench.experiment.run import run_experiment
    from egoexobench.files import check_writable

    with name_argument("out"):
        check_writable(arguments.out, is_folder=True)
    config = replace(
        _to_config(arguments),
        tasks=arguments.tasks,
        out=arguments.out,
        keep_embeddings=arguments.embeddings,
        keep_top=arguments.keep_top,
    )
    context = replace(_create_context(arguments), trackers=arguments.track)
    with name_argument("track"):
        for tracker in arguments.track:
            context.registry.resolve("tracker", tracker)
    with name_failing_part(context.registry):
        return run_experiment(config, context)


def embed(
    method: str | Spec,
    *,
    dataset: str | Spec = "synthetic",
    split: str = "test",
    seed: int = 0,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - the name of the option of the command
    scale: str = "compact",
    missing_audio: str = "error",
    train_on: str | Spec | None = None,
    allow_missing: bool = False,
    allow_overlap: bool = False,
    subset: str | Path | None = None,
    device: str = "cpu",
    precision: str = "fp32",
    workers: int | None = None,
    compile: bool = False,  # noqa: A002 - the name of the option of the command
    micro_batch: int | None = None,
    encoder_batch: int | None = None,
    progress: bool | None = None,
) -> SplitEmbeddings:
    """Embed the videos and texts of a split, as `egoexobench embed` does.

    The method is trained as `run` trains it; weights that are cached are loaded. The arguments are
    those of `run`; ``split`` is ``"train"``, ``"val"`` or ``"test"``.

    Returns:
        ``videos`` and ``texts`` (None for a method without text), each with ``ids`` and ``vectors``
        ``(N, D)``.

    Raises:
        UsageError: for an argument that is not valid; the message names it.
        DataError: for a file, a row or a clip that cannot be used.
        PartError: for an exception in a plug-in; the message names the part.
    """
    arguments = check_arguments(EmbedArguments, locals())
    from egoexobench.experiment.consistency import embed_and_check
    from egoexobench.experiment.prepare import train_method

    context = _create_context(arguments)
    with name_failing_part(context.registry):
        return embed_and_check(train_method(_to_config(arguments), context), arguments.split)


def _to_config(arguments: MethodArguments) -> RunConfig:
    from egoexobench.device import DeviceConfig
    from egoexobench.experiment.config import RunConfig

    return RunConfig(
        method=arguments.method,
        dataset=arguments.dataset,
        scale=arguments.scale,
        seed=arguments.seed,
        overrides=arguments.set,
        missing_audio=arguments.missing_audio,
        train_on=arguments.train_on,
        allow_missing=arguments.allow_missing,
        allow_overlap=arguments.allow_overlap,
        subset=arguments.subset,
        device=DeviceConfig(
            arguments.device,
            arguments.precision,
            arguments.compile,
            arguments.micro_batch,
            encoder_batch=arguments.encoder_batch,
        ),
        num_workers=arguments.workers,
    )


def _create_context(arguments: MethodArguments) -> RunContext:
    """Check the names and options of the parts, then return what a run needs."""
    from egoexobench.data.subset import read_clip_ids
    from egoexobench.experiment.build import resolve_method
    from egoexobench.experiment.context import RunContext
    from egoexobench.method import Method, apply_overrides

    registry = load_installed_parts()
    with name_argument("method"):
        method: Method = registry.create("method", arguments.method, arguments.scale)
    with name_argument("set"):
        resolve_method(registry, apply_overrides(method, arguments.set), arguments.seed)
    with name_argument("dataset"):
        registry.resolve("dataset", arguments.dataset)
    if arguments.train_on is not None:
        with name_argument("train_on"):
            registry.resolve("dataset", arguments.train_on)
    if arguments.subset is not None:
        read_clip_ids(arguments.subset, arguments.dataset.name)
    return RunContext(registry, make_progress(is_shown=arguments.progress))


def make_progress(*, is_shown: bool | None) -> Progress:
    """Return progress: bars in a terminal and lines elsewhere; None means that it is shown."""
    from egoexobench.progress import LineProgress, NullProgress, RichProgress

    if is_shown is False:
        return NullProgress()
    return RichProgress() if sys.stderr.isatty() else LineProgress()
