"""Which process of a training this one is, as launchers say it."""

import pytest

from egoexobench.errors import UsageError
from egoexobench.launch_variables import (
    ProcessPosition,
    find_first_host,
    read_position,
    require_alone,
)

TORCHRUN = {"WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1", "MASTER_ADDR": "n1"}
SLURM = {
    "SLURM_JOB_ID": "17",
    "SLURM_STEP_ID": "2",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
    "SLURM_STEP_NODELIST": "n[1-2]",
}


def test_variables_of_torchrun_and_of_srun_say_the_same() -> None:
    position = ProcessPosition(rank=3, size=4, local_rank=1, address="n1", port=20019)
    assert read_position(TORCHRUN | {"MASTER_PORT": "20019"}) == position
    assert read_position(SLURM) == position
    # a launcher that srun started comes first
    assert read_position(SLURM | TORCHRUN | {"MASTER_PORT": "5", "RANK": "1"}) == position._replace(
        rank=1, port=5
    )


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"WORLD_SIZE": "1"},
        {"SLURM_JOB_ID": "17", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"},
        SLURM | {"SLURM_STEP_NUM_TASKS": "1"},
    ],
    ids=["alone", "one process", "script of a job", "one task"],
)
def test_a_process_that_is_alone_has_no_position(variables: dict[str, str]) -> None:
    assert read_position(variables) is None


def test_what_does_not_train_in_several_processes_is_refused_in_them() -> None:
    require_alone({})
    with pytest.raises(UsageError, match="process 3 of 4, and only `run` trains in several"):
        require_alone(SLURM)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"WORLD_SIZE": "two"}, "the variable WORLD_SIZE is 'two'"),
        ({"MASTER_PORT": ""}, "WORLD_SIZE is 4, which needs MASTER_PORT too"),
        ({"RANK": "4"}, "RANK 4 is not valid: it must be below WORLD_SIZE, 4"),
        ({"MASTER_PORT": "high"}, "the variable MASTER_PORT is 'high'"),
    ],
)
def test_variables_that_are_not_valid_are_one_line(change: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_position(TORCHRUN | {"MASTER_PORT": "20019"} | change)


@pytest.mark.parametrize(
    ("nodes", "host"),
    [("n1", "n1"), ("a,b", "a"), ("gpu[007-010,12],login", "gpu007"), ("r1-[3,5]-x", "r1-3-x")],
)
def test_the_first_host_of_a_list(nodes: str, host: str) -> None:
    assert find_first_host(nodes) == host
