"""Portions of an extraction: which ones are started, what is shown, and what Ctrl-C does."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from egoexobench.errors import NoticeWarning
from egoexobench.features.dataset_features import ExtractionResult
from egoexobench.features.shard_receipt import ShardName, write_shard_receipt
from egoexobench.launchers import jobs
from egoexobench.launchers.portion_report import PortionProgress, read_portion_report
from egoexobench.launchers.portions import PortionPlan, run_portions
from egoexobench.progress import NullProgress
from egoexobench.types import Job, JobStatus

RESULT = ExtractionResult(2, {"decoded": 2}, {})


class FakeLauncher:
    """Ends each job in its own way, at the second look."""

    portions = 3
    outlives_command = True

    def __init__(self, end_job: Callable[[Job], JobStatus]) -> None:
        self.end_job = end_job
        self.names: list[str] = []
        self.was_canceled = False

    def launch(self, launched: Sequence[Job]) -> "FakeLauncher":
        self.names += [job.name for job in launched]
        self.states = [JobStatus("running", num_attempts=1, location="n1") for _ in launched]
        self.jobs, self.num_polls = launched, 0
        return self

    def poll(self) -> Sequence[JobStatus]:
        self.num_polls += 1
        if self.num_polls == 2:
            self.states = [self.end_job(job) for job in self.jobs]
        return self.states

    def cancel(self) -> None:
        self.was_canceled = True


class RecordedProgress:
    """Progress that remembers what it was told."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int]] = []
        self.steps: list[tuple[int, str]] = []

    @contextmanager
    def stage(self, name: str, total: int):
        self.stages.append((name, total))
        yield lambda count, note="": self.steps.append((count, note))


@pytest.fixture(autouse=True)
def poll_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "POLL_INTERVAL_S", 0.0)


@pytest.fixture
def plan(tmp_path: Path) -> PortionPlan:
    return PortionPlan(
        ("extract", "films", "--frames", "4"), tmp_path / ".portions" / "x", (2, 2, 2)
    )


def get_report_path(job: Job) -> Path:
    return Path(job.arguments[job.arguments.index("--portion-report") + 1])


def finish(job: Job) -> JobStatus:
    path = get_report_path(job)
    number, _, count = job.arguments[job.arguments.index("--shard") + 1].partition("/")
    store = path.parents[2] / "store"
    store.mkdir(exist_ok=True)
    write_shard_receipt(store, ShardName("abc", int(number), int(count)), {})
    PortionProgress(path).finish({"color-grid": RESULT})
    return JobStatus("done", exit_code=0, num_attempts=1)


def finish_all_but_the_second(job: Job) -> JobStatus:
    if job.name == "portion 2/3":
        return JobStatus("failed", "killed by SIGKILL", -9, 2)
    return finish(job)


def test_a_portion_is_the_same_command_with_a_shard(plan: PortionPlan) -> None:
    commands = []

    def end_job(job: Job) -> JobStatus:
        commands.append(job.arguments[:-2])
        return finish(job)

    result = run_portions(plan, FakeLauncher(end_job), NullProgress(), "cancel")
    assert commands == [
        ("-m", "egoexobench", "extract", "films", "--frames", "4", "--shard", f"{i}/3")
        for i in (1, 2, 3)
    ]
    assert result.results == {"color-grid": ExtractionResult(6, {"decoded": 6}, {})}
    assert not plan.folder.parent.exists(), "reports of a finished extraction are removed"


def test_a_repeated_command_starts_only_portions_that_have_not_finished(plan: PortionPlan) -> None:
    launcher = FakeLauncher(finish_all_but_the_second)
    result = run_portions(plan, launcher, NullProgress(), "cancel")
    assert result.failures == ["portion 2/3: killed by SIGKILL"]
    again = FakeLauncher(finish)
    progress = RecordedProgress()
    result = run_portions(plan, again, progress, "cancel")
    assert again.names == ["portion 2/3"]
    assert progress.steps[0] == (4, "1 running (n1), 2 done")
    assert result.results["color-grid"].num_requested == 6
    third = FakeLauncher(finish)
    run_portions(plan, third, NullProgress(), "cancel")
    assert len(third.names) == 3, "after the end, files that changed since are looked at"


def test_a_finished_portion_whose_store_was_removed_runs_again(plan: PortionPlan) -> None:
    run_portions(plan, FakeLauncher(finish_all_but_the_second), NullProgress(), "cancel")
    shutil.rmtree(plan.folder.parent.parent / "store")
    again = FakeLauncher(lambda job: JobStatus("failed", "killed by SIGKILL", -9, 2))
    result = run_portions(plan, again, NullProgress(), "cancel")
    assert len(again.names) == len(result.failures) == 3
    assert not result.results


def test_clips_that_cannot_be_encoded_are_results_and_no_failed_portion(plan: PortionPlan) -> None:
    def end_job(job: Job) -> JobStatus:
        failed = ExtractionResult(2, {"decoded": 1}, {f"clip of {job.name}": "damaged"})
        PortionProgress(get_report_path(job)).finish({"color-grid": failed})
        return JobStatus("failed", "  c: damaged", 1, 1)

    result = run_portions(plan, FakeLauncher(end_job), NullProgress(), "cancel")
    assert not result.failures
    assert len(result.results["color-grid"].failures) == 3


def test_the_clips_of_running_portions_are_counted(plan: PortionPlan) -> None:
    def write_progress(job: Job) -> None:
        with PortionProgress(get_report_path(job)).stage("encode", 1) as advance:
            advance(1)

    progress = RecordedProgress()
    launcher = FakeLauncher(finish)
    for number in range(1, 4):
        write_progress(Job("", ("--portion-report", str(plan.folder / f"{number}.json")), ""))
    run_portions(plan, launcher, progress, "cancel")
    assert progress.stages == [("encode", 6)]
    assert sum(count for count, _ in progress.steps) == 6
    # of each portion 1 clip was stored before, and the report of the last second is not written
    assert progress.steps[0] == (3, "3 running (n1)")


@pytest.mark.parametrize(("on_interrupt", "is_canceled"), [("cancel", True), ("leave", False)])
def test_ctrl_c_cancels_portions_or_leaves_them_as_asked(
    plan: PortionPlan, on_interrupt, is_canceled: bool
) -> None:
    def interrupt(job: Job) -> JobStatus:
        raise KeyboardInterrupt

    launcher = FakeLauncher(interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_portions(plan, launcher, NullProgress(), on_interrupt)
    assert launcher.was_canceled is is_canceled


def test_portions_are_canceled_after_an_error_even_if_ctrl_c_leaves_them(plan: PortionPlan) -> None:
    def fail(job: Job) -> JobStatus:
        raise OSError("disk")

    launcher = FakeLauncher(fail)
    with pytest.raises(OSError, match="disk"):
        run_portions(plan, launcher, NullProgress(), "leave")
    assert launcher.was_canceled


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"schema_version": 2}', b'{"num_done": -1}', b'{"extra": 1}', b"\xff"]
)
def test_a_report_that_is_damaged_or_of_another_version_does_not_count(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "1.json"
    path.write_bytes(content)
    assert read_portion_report(path) is None


def test_a_report_that_cannot_be_written_costs_the_view_alone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.warns(NoticeWarning, match="cannot write"):
        PortionProgress(tmp_path / "file" / "1.json").finish({"color-grid": RESULT})
