"""The Slurm of the tests is a real one, with two nodes."""

import subprocess
from pathlib import Path

import pytest
import slurm_cluster
from slurm_cluster import SlurmUnavailableError, run_slurm


@pytest.mark.slurm
def test_a_task_runs_on_each_of_two_nodes(slurm: Path) -> None:
    del slurm
    command = ["srun", "--nodes=2", "--ntasks=2", "printenv", "SLURMD_NODENAME"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert sorted(result.stdout.split()) == ["n1", "n2"], result.stderr


def test_a_machine_without_slurm_is_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm_cluster, "_SEARCH_PATH", str(tmp_path))
    with pytest.raises(SlurmUnavailableError, match=r"no munged, .*apt-get install"):
        run_slurm(tmp_path).__enter__()
