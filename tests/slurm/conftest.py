"""A real Slurm for the tests of this folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm_cluster import SlurmUnavailableError, run_slurm

REQUIRE_VARIABLE = "EGOEXOBENCH_REQUIRE_SLURM"
"""If it is 1, as in CI, a Slurm that cannot start is a failure."""


@pytest.fixture(scope="session")
def slurm_config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The slurm.conf of a Slurm with two nodes, which belongs to this process of the tests."""
    started = False
    try:
        with run_slurm(tmp_path_factory.mktemp("slurm")) as config:
            started = True
            yield config
    except SlurmUnavailableError as error:
        if started or os.environ.get(REQUIRE_VARIABLE) == "1":
            raise
        pytest.skip(f"Slurm cannot run here: {error}")


@pytest.fixture
def slurm(slurm_config: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The slurm.conf, which the commands of Slurm read in this test."""
    monkeypatch.setenv("SLURM_CONF", str(slurm_config))
    return slurm_config
