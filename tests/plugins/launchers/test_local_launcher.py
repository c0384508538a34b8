"""Jobs of the launcher `local`: their GPUs, their cores, and what happens to killed ones."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from egoexobench import UsageError
from egoexobench.protocols import LaunchedJobs
from egoexobench.types import Job, JobStatus
from egoexobench_plugins.launchers import local, local_launcher

REPORT = """
import json, os, pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
folder.joinpath(sys.argv[2] + ".begun").touch()
deadline = time.monotonic() + 60
while len(list(folder.glob("*.begun"))) < int(sys.argv[3]) and time.monotonic() < deadline:
    time.sleep(0.01)
folder.joinpath(sys.argv[2] + ".json").write_text(json.dumps(
    [os.environ.get("CUDA_VISIBLE_DEVICES"), sorted(os.sched_getaffinity(0))]
))
"""
"""It waits until a number of jobs have begun, so that they overlap on a slow machine too."""


def run_jobs(launched: LaunchedJobs) -> Sequence[JobStatus]:
    while not all(status.is_final for status in launched.poll()):
        time.sleep(0.01)
    return launched.poll()


def make_jobs(folder: Path, count: int, num_at_once: int) -> list[Job]:
    return [
        Job(f"job {i}", ("-S", "-c", REPORT, str(folder), str(i), str(num_at_once)), str(folder))
        for i in range(count)
    ]


def read_reports(folder: Path) -> list[tuple[str | None, list[int]]]:
    return [tuple(json.loads(path.read_text())) for path in sorted(folder.glob("*.json"))]


def test_each_slot_has_a_gpu_and_cores_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-abc")
    cores = sorted(os.sched_getaffinity(0))
    launcher = local()
    assert launcher.portions == 2
    states = run_jobs(launcher.launch(make_jobs(tmp_path, 2, num_at_once=2)))
    assert [status.location for status in states] == ["GPU 5", "GPU GPU-abc"]
    (first_gpu, first_cores), (second_gpu, second_cores) = read_reports(tmp_path)
    assert (first_gpu, second_gpu) == ("5", "GPU-abc")
    if len(cores) > 1:
        assert sorted(first_cores + second_cores) == cores
    assert sorted(os.sched_getaffinity(0)) == cores, "our own cores are as before"


def test_jobs_share_gpus_and_cores_if_there_are_more_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    monkeypatch.setattr(local_launcher, "list_cores", lambda: (0,))
    launcher = local(gpus=2, at_once=3)
    run_jobs(launcher.launch(make_jobs(tmp_path, 3, num_at_once=3)))
    assert read_reports(tmp_path) == [("0", [0]), ("1", [0]), ("0", [0])]


def test_more_jobs_than_cores_are_spread_over_all_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_launcher, "list_cores", lambda: (4, 7))
    cores = []

    class RecordedProcess:
        def __init__(self, job: Job, variables: object, own_cores: Sequence[int]) -> None:
            cores.extend(own_cores)

    monkeypatch.setattr(local_launcher, "JobProcess", RecordedProcess)
    local(gpus=0, at_once=4).launch(make_jobs(tmp_path, 4, num_at_once=4))
    assert sorted(cores) == [4, 4, 7, 7]


def test_no_more_jobs_run_at_once_than_allowed_over_all_calls(tmp_path: Path) -> None:
    launcher = local(gpus=0, at_once=1)
    calls = [launcher.launch([job]) for job in make_jobs(tmp_path, 2, num_at_once=1)]
    assert [call.poll()[0].state for call in calls] in (["running", "waiting"], ["done", "running"])
    assert [run_jobs(call)[0].state for call in calls] == ["done", "done"]


def test_a_job_that_is_killed_again_and_again_fails_after_its_retries(tmp_path: Path) -> None:
    script = "import os; os.kill(os.getpid(), 9)"
    launched = local(retries=2).launch([Job("job", ("-S", "-c", script), str(tmp_path))])
    (status,) = run_jobs(launched)
    assert (status.state, status.num_attempts, status.exit_code) == ("failed", 3, -9)
    assert status.reason == "killed by SIGKILL"


def test_a_job_whose_folder_is_gone_fails_and_the_others_run(tmp_path: Path) -> None:
    jobs = [Job("gone", ("-c", ""), str(tmp_path / "gone")), *make_jobs(tmp_path, 1, num_at_once=1)]
    states = run_jobs(local().launch(jobs))
    assert [status.state for status in states] == ["failed", "done"]
    assert states[0].reason == "it cannot be started: No such file or directory"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gpus": 3}, "gpus=3 is invalid for launcher 'local': 2 GPUs are visible"),
        ({"at_once": 0}, "at_once=0 is invalid for launcher 'local': must be 1 or more"),
        ({"retries": -1}, "retries=-1 is invalid for launcher 'local': must be 0 or more"),
        ({"portions": 0}, "portions=0 is invalid for launcher 'local': must be 1 or more"),
    ],
)
def test_an_option_that_cannot_be_is_one_line(
    options: dict[str, int], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with pytest.raises(UsageError, match=message):
        local(**options)


@pytest.mark.parametrize(
    ("visible", "count", "num_slots"),
    [("", None, 1), ("0,1", None, 2), ("0,1,-1,2", 0, 1), ("3,4", 1, 1)],
)
def test_without_a_number_every_visible_gpu_is_used(
    visible: str, count: int | None, num_slots: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert local(gpus=count).portions == num_slots
