"""The batch script of an array, run by bash without a Slurm."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from egoexobench.types import Job
from egoexobench_plugins.launchers.slurm_script import (
    build_script,
    compute_job_key,
    read_job_keys,
)

NASTY = "a b'c\"d$(touch injected)`touch injected`;\n# egoexobench job 9 ff\n%\\"
REPORT = "import os, pathlib, sys; pathlib.Path('seen').write_text(sys.argv[1] + os.environ['X'])"


def run_task(script: str, index: int, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-s"],
        input=script,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={
            **os.environ,
            "SLURM_ARRAY_JOB_ID": "7",
            "SLURM_ARRAY_TASK_ID": str(index),
            **variables,
        },
    )


@pytest.fixture
def job(tmp_path: Path) -> Job:
    folder = tmp_path / "a 'folder' $(touch injected)"
    folder.mkdir()
    return Job("first", ("-S", "-c", REPORT, NASTY), str(folder), {"X": NASTY})


def test_no_argument_folder_or_variable_is_read_by_the_shell(job: Job, tmp_path: Path) -> None:
    script = build_script([job, replace(job, arguments=("-V",))], logs=tmp_path, retries=0)
    result = run_task(script, 1)
    assert result.returncode == 0, result.stderr
    assert (Path(job.folder) / "seen").read_text() == NASTY + NASTY
    assert [*tmp_path.rglob("injected")] == []
    assert (tmp_path / "7_1.exit").read_text() == "0\n"


def test_the_script_says_which_jobs_it_has(job: Job, tmp_path: Path) -> None:
    other = replace(job, variables={})
    script = build_script([job, other], logs=tmp_path, retries=0)
    assert read_job_keys(script) == {1: compute_job_key(job), 2: compute_job_key(other)}
    assert compute_job_key(job) == compute_job_key(replace(job, name="portion 1/2"))
    assert read_job_keys("#!/bin/bash\nsleep 1\n") == {}


def test_a_killed_job_is_requeued_as_often_as_retries_say(job: Job, tmp_path: Path) -> None:
    """A command `scontrol` stands in for that of Slurm and ends the script, as Slurm does."""
    folder = tmp_path / "bin"
    folder.mkdir()
    requeue = folder / "scontrol"
    requeue.write_text('#!/bin/sh\necho "$@" >> "$(dirname "$0")/calls"\nkill -9 $PPID\n')
    requeue.chmod(0o755)
    die = replace(job, arguments=("-S", "-c", "import os; os.kill(os.getpid(), 9)"))
    script = build_script([die], logs=tmp_path, retries=2)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    for restart in range(3):
        result = run_task(script, 1, PATH=path, SLURM_RESTART_COUNT=str(restart))
    assert (folder / "calls").read_text() == "requeue 7_1\n" * 2
    assert result.returncode == 137
    assert (tmp_path / "7_1.exit").read_text() == "137\n"


def test_the_setup_file_runs_first(job: Job, tmp_path: Path) -> None:
    setup = tmp_path / "set up.sh"
    setup.write_text("export X=from-setup\n")
    script = build_script([replace(job, variables={})], logs=tmp_path, retries=0, setup=setup)
    assert run_task(script, 1).returncode == 0
    assert (Path(job.folder) / "seen").read_text() == NASTY + "from-setup"
    setup.unlink()
    assert run_task(script, 1).returncode == 1
