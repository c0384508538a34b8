"""`rerun`: the run of a record once more, from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egoexobench.api.arguments import RerunArguments, check_arguments, name_argument
from egoexobench.api.experiments import make_progress
from egoexobench.api.installed_parts import load_installed_parts
from egoexobench.part_errors import name_failing_part
from egoexobench.spec import Spec

if TYPE_CHECKING:
    from egoexobench.results.rerun_result import RerunResult


def rerun(
    record: str | Path,
    *,
    out: str | Path = "runs",
    method: str | Spec | None = None,
    dataset: str | Spec | None = None,
    tasks: str | Sequence[str] | None = None,
    seed: int | None = None,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - the name of the option of the command
    train_on: str | Spec | None = None,
    subset: str | Path | None = None,
    device: str | None = None,
    precision: str | None = None,
    track: str | Spec | Sequence[str | Spec] = (),
    progress: bool | None = None,
) -> RerunResult:
    """Make the run of a record again, as `egoexobench run --from RECORD` does.

    Args:
        record: file of the record, or a folder with one record.
        out: folder of the new record.
        method: the recorded method with other options, or with a path that the record shortened.
        dataset: another data set, or the data set with a path that the record shortened.
        tasks: other tasks.
        seed: another seed.
        set: settings of the method; those of the record that are not named here stay.
        train_on: another data set to train on.
        subset: another subset file, or the one of the run if the record shortened its path.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"auto"``.
        precision: ``"fp32"``, ``"bf16"`` or ``"fp16"``.
        track: trackers that show the run, such as ``"tensorboard:folder=logs"``; one or several.
        progress: show bars in a terminal and lines elsewhere; None does so, False shows none.

    Returns:
        The result and where it differs from the record; ``print`` it.

    Raises:
        UsageError: for an argument that is not valid, or one that the record does not have.
        DataError: for a record, a file or a clip that cannot be used.
        PartError: for an exception in a plug-in; the message names the part.
    """
    arguments = check_arguments(RerunArguments, locals())
    from egoexobench.experiment.context import RunContext
    from egoexobench.experiment.recorded_config import ConfigChanges
    from egoexobench.experiment.rerun import rerun_record
    from egoexobench.files import check_writable

    with name_argument("out"):
        check_writable(arguments.out, is_folder=True)
    changes = ConfigChanges(
        method=arguments.method,
        dataset=arguments.dataset,
        tasks=arguments.tasks,
        seed=arguments.seed,
        overrides=arguments.set,
        train_on=arguments.train_on,
        subset=arguments.subset,
        device=arguments.device,
        precision=arguments.precision,
    )
    context = RunContext(
        load_installed_parts(),
        make_progress(is_shown=arguments.progress),
        trackers=arguments.track,
    )
    with name_argument("track"):
        for tracker in arguments.track:
            context.registry.resolve("tracker", tracker)
    with name_failing_part(context.registry):
        return rerun_record(arguments.record, out=arguments.out, context=context, changes=changes)
