"""Jobs on a real Ray of two workers."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from egoexobench import UsageError, testing
from egoexobench.errors import DataError
from egoexobench.types import Job
from egoexobench_plugins import launchers
from egoexobench_plugins.launchers import ray_launcher
from egoexobench_plugins.launchers.limits import parse_bytes

LIMIT_S = 120
SLEEP_ONCE = """
import os, pathlib, time
mark = pathlib.Path("begun")
if not mark.exists():
    mark.write_text(f"{os.getpid()} {os.getppid()}")
    time.sleep(600)
"""


def start_ray(library: Any) -> None:
    """Ray waits 30 s for itself, which is too short on a machine with other work."""
    for attempts_left in (2, 1, 0):
        try:
            with ray_launcher.restore_signals():  # later tests send SIGTERM to this process
                library.init(
                    address="local",
                    num_cpus=2,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level="CRITICAL",
                )
        except Exception as error:
            if "timed out during startup" not in str(error) or not attempts_left:
                raise
            library.shutdown()
        else:
            return


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def ray_of_two() -> Iterator[None]:
    """A Ray with two cores on this machine, to which launchers of this process connect."""
    library = pytest.importorskip("ray", reason="the extra [ray] is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_TOKEN", "a" * 64)  # no file in the home folder
        start_ray(library)
        yield
        library.shutdown()


@pytest.mark.slow
@pytest.mark.usefixtures("ray_of_two")
def test_the_launcher_keeps_the_contract() -> None:
    testing.check_launcher(lambda: launchers.ray(retries=1), timeout_s=LIMIT_S)


@pytest.mark.slow
@pytest.mark.usefixtures("ray_of_two")
def test_jobs_whose_worker_or_process_is_killed_run_again_and_leave_no_process(
    tmp_path: Path,
) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    jobs = [Job(name, ("-S", "-c", SLEEP_ONCE), str(tmp_path / name)) for name in "ab"]
    launched = launchers.ray(at_once=2).launch(jobs)
    end = time.monotonic() + LIMIT_S
    marks = [tmp_path / name / "begun" for name in "ab"]
    while not all(mark.exists() and mark.read_text() for mark in marks):
        assert time.monotonic() < end, launched.poll()
        time.sleep(0.1)
    (first, worker), (second, _) = (map(int, mark.read_text().split()) for mark in marks)
    os.kill(worker, signal.SIGKILL)
    os.kill(second, signal.SIGKILL)
    while not all(status.is_final for status in launched.poll()):
        assert time.monotonic() < end, launched.poll()
        time.sleep(0.1)
    assert [(status.state, status.num_attempts) for status in launched.poll()] == [("done", 2)] * 2
    while is_running(first):  # it has ended, and the machine's first process takes note of it
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.usefixtures("ray_of_two")
def test_a_worker_that_does_not_notice_its_cancel_is_no_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_launcher, "_FORCE_AFTER_S", 0.5)
    monkeypatch.setattr(ray_launcher, "_MAX_CANCEL_S", 2.0)
    launched = launchers.ray().launch([Job("a", ("-S", "-c", SLEEP_ONCE), str(tmp_path))])
    end, mark = time.monotonic() + LIMIT_S, tmp_path / "begun"
    while not (mark.exists() and mark.read_text()):
        assert time.monotonic() < end, launched.poll()
        time.sleep(0.1)
    worker = int(mark.read_text().split()[1])
    os.kill(worker, signal.SIGSTOP)
    with pytest.raises(DataError, match="Ray has not ended its jobs after 2 s"):
        launched.cancel()
    os.kill(worker, signal.SIGKILL)
    launched.cancel()
    assert [status.state for status in launched.poll()] == ["canceled"]


def test_numbers_that_are_not_valid_are_refused() -> None:
    assert parse_bytes("2G") == 2 * 1024**3
    with pytest.raises(UsageError, match="memory='2 GB' is not valid"):
        launchers.ray(memory="2 GB")
    with pytest.raises(UsageError, match=r"retries=-1 is invalid for launcher 'ray'"):
        launchers.ray(retries=-1)
