"""Cells as jobs of a launcher: what is launched when, and what becomes of a job; nothing runs."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sweep_records import make_cell, write_cell_record

from egoexobench.launch_variables import read_position
from egoexobench.sweep import execute
from egoexobench.sweep.execute import run_cells
from egoexobench.sweep.launched_cell import CellLauncher, hash_run_key
from egoexobench.sweep.plan import SweepCell
from egoexobench.types import Job, JobStatus

DONE = JobStatus("done", exit_code=0, num_attempts=1)

pytestmark = pytest.mark.usefixtures("invented_records")


class FakeJob:
    """A job that waits, runs, and ends in some way."""

    def __init__(self, end: JobStatus) -> None:
        self.states = [JobStatus("waiting"), JobStatus("running", num_attempts=1, location="n1")]
        self.end = end
        self.was_canceled = False

    def poll(self) -> Sequence[JobStatus]:
        return [self.states.pop(0) if self.states else self.end]

    def cancel(self) -> None:
        self.was_canceled = True


class FakeLauncher:
    """Starts every job at once."""

    portions, outlives_command = 1, True

    def __init__(self, find_end: Callable[[Job], JobStatus] = lambda _: DONE) -> None:
        self.find_end = find_end
        self.launched: list[Job] = []
        self.jobs: list[FakeJob] = []

    def launch(self, jobs: Sequence[Job]) -> FakeJob:
        (job,) = jobs
        self.launched.append(job)
        self.jobs.append(FakeJob(self.find_end(job)))
        return self.jobs[-1]

    def count_active(self) -> int:
        return sum(bool(job.states) for job in self.jobs)


@pytest.fixture(autouse=True)
def poll_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "_POLL_INTERVAL_S", 0.0)


def launch(
    launcher: FakeLauncher, out: Path, *cells: SweepCell, report=lambda _: None, **options
) -> list[tuple[str, str]]:
    cell_launcher = CellLauncher(launcher, ("sweep", "table.toml"), **options)
    status = run_cells(cells, out, len(cells), report, launcher=cell_launcher)
    return [(status[cell.run_key].state, status[cell.run_key].reason) for cell in cells]


def test_a_job_is_the_sweep_with_the_key_of_one_cell(tmp_path: Path) -> None:
    launcher, cell = FakeLauncher(), make_cell("one", seed=2, optional=True)
    assert launch(launcher, tmp_path, cell) == [("done", "")]
    (job,) = launcher.launched
    assert job.name == "one seed 2"
    line = ("-m", "egoexobench", "sweep", "table.toml", "--cell", hash_run_key(cell))
    assert job.arguments == line
    assert job.variables["OMP_NUM_THREADS"] == "1"
    assert job.variables["HF_HUB_OFFLINE"] == "1"
    # a task of srun, whose run would wait for the other tasks, which wait for its locks
    task = {"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1"}
    assert read_position({**task, **job.variables}) is None


def test_cells_have_keys_of_their_own() -> None:
    cells = [
        make_cell("one"),
        make_cell("one", seed=1),
        make_cell("two"),
        make_cell("one", data="x"),
    ]
    assert len({hash_run_key(cell) for cell in cells}) == 4
    assert hash_run_key(make_cell("one")) == hash_run_key(make_cell("one"))


def test_the_first_cell_of_a_data_set_is_alone_and_equal_weights_are_trained_by_one_job(
    tmp_path: Path,
) -> None:
    launcher = FakeLauncher()
    most: list[int] = []
    cells = [
        make_cell("big", num_parts=9),
        *(make_cell(f"m{i}") for i in range(3)),
        make_cell("m0", data="other", trained_on="films"),
    ]
    launch(launcher, tmp_path, *cells, report=lambda _: most.append(launcher.count_active()))
    names = [job.name for job in launcher.launched]
    assert sorted(names) == ["big seed 0", "m0 seed 0", "m0 seed 0", *("m1 seed 0", "m2 seed 0")]
    assert names[0] == "big seed 0"
    assert most[0] == 1
    assert max(most) == 3  # not both cells of m0, which load the same weights


def test_a_recorded_cell_is_not_launched(tmp_path: Path) -> None:
    launcher, cell = FakeLauncher(), make_cell("one")
    write_cell_record(tmp_path, cell, [1])
    assert launch(launcher, tmp_path, cell) == [("skipped", "")]
    assert launcher.launched == []


def test_a_failed_job_fails_its_cell_and_no_other(tmp_path: Path) -> None:
    failed = JobStatus("failed", "no model lies there", exit_code=1, num_attempts=1)
    launcher = FakeLauncher(lambda job: failed if job.name.startswith("bad") else DONE)
    cells = make_cell("bad"), make_cell("lacking", optional=True), make_cell("good")
    states = launch(launcher, tmp_path, *cells)
    assert states == [("failed", "no model lies there"), ("done", ""), ("done", "")]
    launcher = FakeLauncher(lambda _: JobStatus("canceled", num_attempts=1))
    assert launch(launcher, tmp_path, make_cell("x")) == [("failed", "canceled")]
    launcher = FakeLauncher(lambda _: failed)
    assert launch(launcher, tmp_path, make_cell("y", optional=True))[0][0] == "unavailable"


@pytest.mark.parametrize(("on_interrupt", "is_canceled"), [("cancel", True), ("leave", False)])
def test_ctrl_c_cancels_jobs_or_leaves_them(
    tmp_path: Path, on_interrupt: str, is_canceled: bool
) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    launcher = FakeLauncher()
    with pytest.raises(KeyboardInterrupt):
        launch(launcher, tmp_path, make_cell("x"), report=interrupt, on_interrupt=on_interrupt)
    assert [job.was_canceled for job in launcher.jobs] == [is_canceled]


def test_jobs_that_wait_are_canceled_before_those_that_run(tmp_path: Path) -> None:
    class OneAtATime(FakeLauncher):
        """Cancels in an order that it remembers."""

        def __init__(self) -> None:
            super().__init__()
            self.canceled: list[str] = []

        def launch(self, jobs: Sequence[Job]) -> FakeJob:
            launched = super().launch(jobs)
            launched.cancel = lambda: self.canceled.append(jobs[0].name)
            return launched

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    launcher = OneAtATime()
    cells = [make_cell(name, data=name) for name in ("a", "b", "c")]
    with pytest.raises(KeyboardInterrupt):
        launch(launcher, tmp_path, *cells, report=interrupt)
    assert launcher.canceled == [job.name for job in reversed(launcher.launched)]
    assert len(launcher.canceled) == 3


def test_an_error_never_leaves_jobs(tmp_path: Path) -> None:
    def fail(_: object) -> None:
        raise OSError("disk")

    launcher = FakeLauncher()
    with pytest.raises(OSError, match="disk"):
        launch(launcher, tmp_path, make_cell("x"), report=fail, on_interrupt="leave")
    assert launcher.jobs[0].was_canceled
