"""Launchers: this machine, Slurm and Ray."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Launcher


@hookimpl
def register_launchers(register: Register) -> None:
    """Register three launchers."""
    register("local", local)
    register("slurm", slurm)
    register("ray", ray)


def local(
    *,
    gpus: int | None = None,
    at_once: int | None = None,
    retries: int = 1,
    portions: int | None = None,
) -> Launcher:
    """Jobs on this machine: each job at a time has one GPU, and its share of the cores.

    Args:
        gpus: number of GPUs to use, the first ones of CUDA_VISIBLE_DEVICES or of the machine;
            none: all. With 0 no GPU is assigned.
        at_once: jobs at once; none: one for each GPU, or one without GPUs. Jobs share GPUs if
            there are more jobs.
        retries: how often a job that was killed is started again.
        portions: jobs of `extract`; none: as many as run at once.
    """
    from egoexobench_plugins.launchers.local_launcher import create_local_launcher

    return create_local_launcher(gpus=gpus, at_once=at_once, retries=retries, portions=portions)


def slurm(
    *,
    portions: int | None = None,
    at_once: int | None = None,
    gpus: int = 0,
    cpus: int | None = None,
    memory: str | None = None,
    minutes: int | None = None,
    partition: str | None = None,
    account: str | None = None,
    qos: str | None = None,
    constraint: str | None = None,
    extra: str = "",
    setup: Path | None = None,
    retries: int = 3,
    logs: Path = Path("slurm-logs"),
    poll_seconds: float = 5.0,
) -> Launcher:
    """Jobs of a Slurm cluster, as arrays of `sbatch`; they go on after the command has ended.

    Args:
        portions: jobs of `extract`; none: as many as run at once, or one.
        at_once: jobs at once; none: as many as the cluster runs.
        gpus: GPUs of each job.
        cpus: cores of each job; none: what the cluster gives.
        memory: of each job, such as ``32G``; none: what the cluster gives.
        minutes: time limit of each job; none: that of the partition. A job that reaches it goes
            on in a new one, which counts as a retry.
        partition: of the cluster.
        account: that is charged.
        qos: quality of service.
        constraint: features that a machine must have, such as ``a100``.
        extra: other options of sbatch, such as ``--nice=100 --exclude=n7``.
        setup: file of bash commands that each job runs first, such as ``module load cuda``.
        retries: how often a job that was killed is started again.
        logs: folder of the output of each job, which all machines see.
        poll_seconds: time between two questions to the scheduler, s.
    """
    from egoexobench_plugins.launchers.limits import check_limits
    from egoexobench_plugins.launchers.slurm_launcher import SlurmLauncher
    from egoexobench_plugins.launchers.slurm_options import build_sbatch_options

    check_limits(
        "slurm",
        portions=(portions, 1),
        at_once=(at_once, 1),
        gpus=(gpus, 0),
        cpus=(cpus, 1),
        minutes=(minutes, 2),
        retries=(retries, 0),
        poll_seconds=(poll_seconds, 0),
    )
    options = build_sbatch_options(
        {
            "gres": f"gpu:{gpus}" if gpus else None,
            "cpus-per-task": cpus,
            "mem": memory,
            "time": minutes,
            "partition": partition,
            "account": account,
            "qos": qos,
            "constraint": constraint,
        },
        extra,
    )
    return SlurmLauncher(
        options=options,
        portions=portions or at_once or 1,
        at_once=at_once,
        retries=retries,
        setup=setup,
        logs=logs,
        poll_interval_s=poll_seconds,
    )


def ray(
    *,
    address: str | None = None,
    portions: int | None = None,
    at_once: int | None = None,
    gpus: float = 0.0,
    cpus: float = 1.0,
    memory: str | None = None,
    retries: int = 3,
) -> Launcher:
    """Tasks of Ray, on this machine or on a cluster; they end with the command.

    Args:
        address: of a cluster, such as ``auto`` or ``10.0.0.1:6379``; none starts one here.
        portions: jobs of `extract`; none: as many as run at once, or one.
        at_once: jobs at once; none: as many as there are resources for.
        gpus: GPUs of each job; 0.5 lets two jobs share one.
        cpus: cores of each job.
        memory: that Ray reserves for each job, such as ``32G``.
        retries: how often a job that was killed is started again.
    """
    from egoexobench_plugins.launchers.limits import check_limits, parse_bytes

    check_limits(
        "ray",
        portions=(portions, 1),
        at_once=(at_once, 1),
        gpus=(gpus, 0),
        cpus=(cpus, 0),
        retries=(retries, 0),
    )
    resources: dict[str, float] = {"num_gpus": gpus, "num_cpus": cpus}
    if memory is not None:
        resources["memory"] = parse_bytes(memory)
    library = import_module("ray")
    from egoexobench_plugins.launchers.ray_launcher import RayLauncher

    return RayLauncher(
        library,
        address=address,
        resources=resources,
        portions=portions or at_once or 1,
        at_once=at_once,
        retries=retries,
    )
