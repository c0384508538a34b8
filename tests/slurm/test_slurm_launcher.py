"""Jobs on a real Slurm of two nodes."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from egoexobench import DataError, testing
from egoexobench.protocols import LaunchedJobs, Launcher
from egoexobench.types import Job, JobState, JobStatus
from egoexobench_plugins import launchers

pytestmark = [pytest.mark.slurm, pytest.mark.slow]
LIMIT_S = 120
SLEEP = "import pathlib, time; pathlib.Path('begun').touch(); time.sleep(600)"
SLEEP_ONCE = """
import os, pathlib, time
mark = pathlib.Path("begun")
if not mark.exists():
    mark.write_text(f"{os.getpid()} {os.getppid()}")
    time.sleep(600)
"""


@pytest.fixture
def create(slurm: Path, tmp_path: Path) -> Callable[..., Launcher]:
    """Create a launcher with its own logs, which asks often."""
    del slurm

    def create_launcher(**options: object) -> Launcher:
        settings = {"logs": tmp_path / "logs", "poll_seconds": 0.2, "minutes": 5}
        return launchers.slurm(**{**settings, **options})  # type: ignore[arg-type]

    return create_launcher


@pytest.fixture
def make_job(tmp_path: Path) -> Callable[[str, str], Job]:
    """Make a job of a script in a folder of its own."""

    def make_job_in_folder(name: str, script: str) -> Job:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        return Job(name, ("-S", "-c", script), str(folder))

    return make_job_in_folder


def wait_until(condition: Callable[[], bool], launched: LaunchedJobs) -> None:
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end, launched.poll()
        time.sleep(0.1)


def wait_for_states(launched: LaunchedJobs, *states: JobState) -> Sequence[JobStatus]:
    wait_until(lambda: [status.state for status in launched.poll()] == [*states], launched)
    return launched.poll()


def call_slurm(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def list_arrays() -> list[str]:
    return call_slurm("squeue", "--noheader", "--format=%F").split()


def test_the_launcher_keeps_the_contract(create: Callable[..., Launcher]) -> None:
    testing.check_launcher(lambda: create(retries=1), timeout_s=LIMIT_S)


def test_a_second_call_does_not_submit_jobs_that_still_run(
    create: Callable[..., Launcher], make_job: Callable[[str, str], Job]
) -> None:
    first = create().launch([make_job("a", SLEEP), make_job("b", SLEEP)])
    wait_for_states(first, "running", "running")
    quick = make_job("c", "")
    second = create().launch([make_job("b", SLEEP), quick, make_job("a", SLEEP)])
    wait_until(lambda: second.poll()[0].state == "running", second)
    wait_until(lambda: second.poll()[1].reason != "", second)
    assert second.poll()[1].state == "waiting"  # the two nodes are taken
    assert len(list_arrays()) == 3
    second.cancel()
    wait_for_states(first, "canceled", "canceled")
    assert [status.state for status in second.poll()] == ["canceled"] * 3


def test_a_job_goes_on_after_a_signal_of_its_time_limit_and_after_its_script_is_killed(
    create: Callable[..., Launcher], make_job: Callable[[str, str], Job], tmp_path: Path
) -> None:
    launched = create(gpus=1).launch([make_job("a", SLEEP_ONCE), make_job("b", SLEEP_ONCE)])
    marks = [tmp_path / name / "begun" for name in "ab"]
    wait_until(lambda: all(mark.exists() and mark.read_text() for mark in marks), launched)
    (array,) = {*list_arrays()}
    # what Slurm does by itself 60 s before the time limit
    call_slurm("scancel", "--signal=USR1", "--batch", f"{array}_1")
    child, script = map(int, marks[1].read_text().split())
    os.kill(script, signal.SIGKILL)
    assert [status.num_attempts for status in wait_for_states(launched, "done", "done")] == [2, 2]
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_job_whose_node_a_more_urgent_job_takes_goes_on_later(
    create: Callable[..., Launcher], make_job: Callable[[str, str], Job], tmp_path: Path
) -> None:
    launched = create(retries=0).launch([make_job("a", SLEEP_ONCE)])
    wait_until((tmp_path / "a" / "begun").exists, launched)
    call_slurm("sbatch", "--partition=urgent", "--nodes=2", "--output=/dev/null", "--wrap=true")
    (status,) = wait_for_states(launched, "done")
    assert status.num_attempts == 2


def test_a_job_has_a_gpu_and_the_limit_of_jobs_at_once_counts_over_all_calls(
    create: Callable[..., Launcher], make_job: Callable[[str, str], Job], tmp_path: Path
) -> None:
    launcher = create(gpus=1, at_once=1)
    write = "import os, sys; sys.exit(os.environ['CUDA_VISIBLE_DEVICES'])"
    first, second = (launcher.launch([make_job(name, write)]) for name in "ab")
    assert second.poll()[0].state == "waiting"
    assert len(list_arrays()) == 1
    for launched in (first, second):
        (status,) = wait_for_states(launched, "failed")
        assert status.reason == "0"


def test_slurm_refuses_in_one_line_and_nothing_is_submitted(
    create: Callable[..., Launcher], make_job: Callable[[str, str], Job]
) -> None:
    with pytest.raises(DataError, match=r"^Slurm refuses: .*[Ii]nvalid partition.*$"):
        create(partition="nowhere").launch([make_job("a", SLEEP)])
    assert list_arrays() == []
