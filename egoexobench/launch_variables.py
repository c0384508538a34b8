"""Reads from the environment which process of a training this one is."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from egoexobench.errors import UsageError

_FIRST_SLURM_PORT, _NUM_SLURM_PORTS = 20000, 20000
"""The ports among which the number of a job chooses."""


class ProcessPosition(NamedTuple):
    """Number of a process among all, and where they come together."""

    rank: int
    size: int
    local_rank: int
    address: str
    port: int

    def to_variables(self) -> dict[str, str]:
        """Return the variables that torch reads."""
        return {
            "RANK": str(self.rank),
            "WORLD_SIZE": str(self.size),
            "LOCAL_RANK": str(self.local_rank),
            "MASTER_ADDR": self.address,
            "MASTER_PORT": str(self.port),
        }


def read_position(variables: Mapping[str, str]) -> ProcessPosition | None:
    """Return the position of this process; None if it was started alone.

    Args:
        variables: those of torchrun and accelerate launch, or of a step of srun. The script of a
            job of Slurm is no step, so that it is alone, whatever tasks the job has.

    Raises:
        UsageError: if a variable is missing or not valid.
    """
    if "WORLD_SIZE" in variables:
        return _read_torch_variables(variables)
    if "SLURM_STEP_ID" in variables and "SLURM_STEP_NUM_TASKS" in variables:
        return _read_slurm_variables(variables)
    return None


def require_alone(variables: Mapping[str, str]) -> None:
    """Check that no other process was started together with this one.

    Raises:
        UsageError: otherwise: each would train the same weights, and write the same files.
    """
    position = read_position(variables)
    if position is not None:
        raise UsageError(
            f"this is process {position.rank} of {position.size}, and only `run` trains in several "
            "processes: train with `run`, and then start this command in one process"
        )


def hide_library_messages() -> None:
    """Let torch report by exceptions alone; called before it is imported in a process of several.

    Otherwise each process prints the stack of a connection that fails, beside the exception, and
    DistributedDataParallel warns if all weights of a method are used.
    """
    if read_position(os.environ) is not None:
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")


def is_first_process() -> bool:
    """Whether this process shows results: it is alone, or the first of a training."""
    position = read_position(os.environ)
    return position is None or position.rank == 0


def _read_torch_variables(variables: Mapping[str, str]) -> ProcessPosition | None:
    size = _read_number(variables, "WORLD_SIZE")
    if size == 1:
        return None
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if not variables.get(name)]
    if missing:
        raise UsageError(
            f"WORLD_SIZE is {size}, which needs {' and '.join(missing)} too: start the processes "
            "with torchrun, accelerate launch or srun, or remove WORLD_SIZE to train alone"
        )
    rank = _read_number(variables, "RANK")
    local_rank = _read_number(variables, "LOCAL_RANK") if "LOCAL_RANK" in variables else rank
    port = _read_number(variables, "MASTER_PORT")
    if rank >= size:
        raise UsageError(f"RANK {rank} is not valid: it must be below WORLD_SIZE, {size}")
    return ProcessPosition(
        rank=rank,
        size=size,
        local_rank=local_rank,
        address=variables["MASTER_ADDR"],
        port=port,
    )


def _read_slurm_variables(variables: Mapping[str, str]) -> ProcessPosition | None:
    size = _read_number(variables, "SLURM_STEP_NUM_TASKS")
    if size == 1:
        return None
    number = _read_number(variables, "SLURM_JOB_ID") + _read_number(variables, "SLURM_STEP_ID")
    return ProcessPosition(
        rank=_read_number(variables, "SLURM_PROCID"),
        size=size,
        local_rank=_read_number(variables, "SLURM_LOCALID"),
        address=variables.get("MASTER_ADDR")
        or find_first_host(variables.get("SLURM_STEP_NODELIST", "")),
        port=int(variables.get("MASTER_PORT") or _FIRST_SLURM_PORT + number % _NUM_SLURM_PORTS),
    )


def find_first_host(nodes: str) -> str:
    """Return the first host of a list of Slurm.

    >>> find_first_host("gpu[007-010,12],login"), find_first_host("a1-[2-3]-x")
    ('gpu007', 'a1-2-x')
    """
    first = re.match(r"(?:[^,\[]|\[[^\]]*\])+", nodes)
    if first is None:
        raise UsageError("SLURM_STEP_NODELIST is not set: set MASTER_ADDR to the first host")
    return re.sub(r"\[(\w+)[^\]]*\]", r"\1", first[0])


def _read_number(variables: Mapping[str, str], name: str) -> int:
    text = variables.get(name, "")
    if not text.isdecimal():
        raise UsageError(f"the variable {name} is {text!r}; it must be a whole number, 0 or more")
    return int(text)
