"""Every wrong launcher is an AssertionError that names its fault, and a right one passes."""

from dataclasses import replace

import pytest

from egoexobench.testing import check_launcher
from egoexobench_plugins.launchers import local


class ChangedLauncher:
    """The launcher `local` with changed jobs or states."""

    portions = 1
    outlives_command = False

    def __init__(self, change_job=None, change_status=None, retries=1):
        self.change_job = change_job or (lambda job: job)
        self.change_status = change_status or (lambda status: status)
        self.inner = local(gpus=0, at_once=2, retries=retries)

    def launch(self, jobs):
        return ChangedJobs(self.inner.launch(list(map(self.change_job, jobs))), self.change_status)


class ChangedJobs:
    def __init__(self, inner, change_status):
        self.inner, self.change_status = inner, change_status

    def poll(self):
        return list(map(self.change_status, self.inner.poll()))

    def cancel(self):
        self.inner.cancel()


def hide_reason(status):
    return replace(status, reason="")


def hide_cancel(status):
    return replace(status, state="failed") if status.state == "canceled" else status


def test_a_right_launcher_passes() -> None:
    check_launcher(ChangedLauncher)


@pytest.mark.parametrize(
    ("create", "message"),
    [
        (object, "it has no attribute 'portions'"),
        (lambda: 1 / 0, "the factory raised ZeroDivisionError"),
        (lambda: ChangedLauncher(lambda job: job.nothing), "launch raised AttributeError"),
        (
            lambda: ChangedLauncher(lambda job: replace(job, variables={})),
            "a job that succeeds is failed",
        ),
        (lambda: ChangedLauncher(change_status=hide_reason), "its reason is ''; it must be"),
        (lambda: ChangedLauncher(retries=0), "a job that is killed once is failed"),
        (
            lambda: ChangedLauncher(change_status=hide_cancel),
            "a job that is canceled is failed; it must be canceled",
        ),
        (lambda: ChangedLauncher(change_status=lambda _: "done"), "an item of the result of poll"),
    ],
)
def test_a_wrong_launcher_is_named(create, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_launcher(create)
