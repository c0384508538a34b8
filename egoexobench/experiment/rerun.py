"""Runs a record again and says where the result differs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from egoexobench.errors import DataError, UsageError
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.recorded_config import (
    ConfigChanges,
    find_only_record,
    restore_config,
)
from egoexobench.experiment.run import run_experiment
from egoexobench.records.store import read_record
from egoexobench.results.rerun_result import RerunResult, compare_with_record
from egoexobench.spec import Spec

NO_CHANGES = ConfigChanges()


def rerun_record(
    path: Path,
    *,
    out: Path,
    context: RunContext,
    changes: ConfigChanges = NO_CHANGES,
    command: tuple[str, ...] = (),
) -> RerunResult:
    """Make the run of a record again and compare both, with the recorded number of threads.

    Args:
        path: a record, or a folder with one record.
        out: folder of the new record; the old one is never overwritten.
        context: creates the parts and shows the stages.
        changes: what replaces the configuration of the record.
        command: the command line, for the new record.

    Raises:
        UsageError: for a name, an option or a path that the run needs and the record does not have.
        DataError: for a record, a file or a clip that cannot be used.
    """
    file = find_only_record(path)
    config = replace(prepare_rerun(file, changes, context), out=out, command=command)
    return compare_with_record(file, run_experiment(config, context))


def prepare_rerun(file: Path, changes: ConfigChanges, context: RunContext) -> RunConfig:
    """Return the configuration of a record, and set the number of threads of its run.

    Raises:
        UsageError: for a name, an option or a path that the run needs and the record does not have.
        DataError: if the record cannot be read, or is that of a failed run.
    """
    record = read_record(file)
    if record.status != "complete":
        raise DataError(f"{file} is the record of a run that {record.status}")
    if changes.method is not None:
        _check_method_name(record.method.name, changes.method, context, file)
    if record.environment.num_threads:
        torch.set_num_threads(record.environment.num_threads)
    return restore_config(record, changes, file)


def _check_method_name(recorded: str, method: Spec, context: RunContext, file: Path) -> None:
    if context.registry.get_factory("method", method.name).name != recorded:
        raise UsageError(
            f"{file} is a run of {recorded!r} and cannot be run again as {method.name!r}; give "
            "--method the same name with other options, or run the other method without --from"
        )
