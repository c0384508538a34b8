"""The order of runs, their limit and interruptions; no method is trained."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sweep_records import make_cell, make_record, write_cell_record

from egoexobench.sweep import process
from egoexobench.sweep.execute import get_initial_status, run_cells
from egoexobench.sweep.plan import SweepCell
from egoexobench.sweep.record_index import index_records

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("invented_records")]

CHILD_SCRIPT = """
import json, pathlib, sys, time
log, name, seconds, num_begun, code, target, content = sys.argv[1:]
def write_event(event):
    with open(log, "a") as file:
        file.write(json.dumps([event, name, time.time()]) + chr(10))
write_event("begin")
for _ in range(600):
    if pathlib.Path(log).read_text().count("begin") >= int(num_begun):
        break
    time.sleep(0.05)
time.sleep(float(seconds))
if int(code):
    print("warning: of something else", file=sys.stderr)
    print("egoexobench: no model lies there", file=sys.stderr)
    sys.exit(int(code))
if target:
    path = pathlib.Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
write_event("end")
"""
"""A script in the place of `egoexobench run`: it logs its begin and end and writes a record.

It waits until a number of runs have begun, so that runs overlap on a slow machine too.
"""


class FakeRuns:
    """Runs cells with the script instead of `egoexobench run`."""

    def __init__(self, home: Path, patch: pytest.MonkeyPatch) -> None:
        self.home, self.out, self.log = home, home / "runs", home / "log"
        self.seconds: dict[str, float] = {}
        self.num_begun: dict[str, int] = {}
        self.exit_codes: dict[str, int] = {}
        patch.setenv("EGOEXOBENCH_CACHE", str(home / "cache"))
        patch.setattr(process, "build_command_line", self.build_fake_command)

    def build_fake_command(self, cell: SweepCell, out: Path, child_args: object = ()) -> list[str]:
        key = cell.fingerprint
        stored_record = make_record(cell, [1, 0], cell.tasks)[0]
        target = out / cell.method / cell.dataset / f"{stored_record.id}.json"
        arguments = [self.log, self.describe_cell(cell), self.seconds.get(cell.method, 0.05)]
        arguments += [
            self.num_begun.get(cell.method, 1),
            self.exit_codes.get(cell.method, 0),
            target,
            stored_record.model_dump_json(),
        ]
        assert key.seed == stored_record.seed
        return [sys.executable, "-S", "-c", CHILD_SCRIPT, *map(str, arguments)]

    @staticmethod
    def describe_cell(cell: SweepCell) -> str:
        return f"{cell.method} {cell.fingerprint.seed} {cell.dataset}"

    def read_events(self) -> list[tuple[str, str]]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [(event, name) for event, name, _ in map(json.loads, lines)]

    def run_and_list_states(self, *cells: SweepCell, jobs: int = 2) -> list[str]:
        status = run_cells(cells, self.out, jobs, lambda _: None)
        return [status[item.run_key].state for item in cells]


@pytest.fixture
def fake_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeRuns:
    return FakeRuns(tmp_path, monkeypatch)


def count_most_at_once(events: list[tuple[str, str]]) -> int:
    now = most = 0
    for event, _ in events:
        now += 1 if event == "begin" else -1
        most = max(most, now)
    return most


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_as_many_runs_as_allowed_overlap_and_no_more(fake_runs: FakeRuns, jobs: int) -> None:
    write_cell_record(
        fake_runs.out, make_cell("known"), [1]
    )  # so that the data set counts as prepared
    fake_runs.num_begun = {f"m{i}": jobs for i in range(4)}
    cells = [make_cell("known"), *(make_cell(f"m{i}") for i in range(4))]
    assert fake_runs.run_and_list_states(*cells, jobs=jobs) == ["skipped", *["done"] * 4]
    assert count_most_at_once(fake_runs.read_events()) == jobs


def test_the_cell_with_most_parts_runs_alone_first_on_new_data(
    fake_runs: FakeRuns,
) -> None:
    fake_runs.num_begun = {"small": 3, "other": 3}
    cells = [
        make_cell("small", num_parts=2),
        make_cell("big", num_parts=7),
        make_cell("other", num_parts=1),
    ]
    fake_runs.run_and_list_states(*cells, jobs=3)
    events = fake_runs.read_events()
    assert events[:2] == [("begin", "big 0 films"), ("end", "big 0 films")]
    assert count_most_at_once(events) == 2


def test_captions_are_written_by_a_single_cell_while_others_on_the_data_run(
    fake_runs: FakeRuns,
) -> None:
    write_cell_record(fake_runs.out, make_cell("known"), [1])
    fake_runs.num_begun = {"told": 2}
    shares = frozenset({"films", "llm of films"})
    status = [make_cell("told", seed, cache_keys=shares, num_parts=9) for seed in range(3)]
    fake_runs.run_and_list_states(make_cell("known"), *status, make_cell("plain"), jobs=3)
    events = fake_runs.read_events()
    first = events.index(("end", "told 0 films"))
    assert ("begin", "plain 0 films") in events[:first]
    assert not {("begin", "told 1 films"), ("begin", "told 2 films")} & set(events[:first])


def test_two_cells_with_the_same_training_never_overlap(fake_runs: FakeRuns) -> None:
    write_cell_record(fake_runs.out, make_cell("known"), [1])
    write_cell_record(fake_runs.out, make_cell("known", data="others"), [1])
    fake_runs.seconds = {"one": 0.3}
    own, moved = make_cell("one"), make_cell("one", data="others", trained_on="films")
    fake_runs.run_and_list_states(
        make_cell("known"), make_cell("known", data="others"), own, moved, jobs=2
    )
    assert count_most_at_once(fake_runs.read_events()) == 1
    another = make_cell("one", seed=1)
    fake_runs.log.unlink()
    fake_runs.num_begun = {"one": 2}
    fake_runs.run_and_list_states(make_cell("known"), make_cell("one", seed=2), another, jobs=2)
    assert count_most_at_once(fake_runs.read_events()) == 2


def test_recorded_cells_are_skipped_and_only_missing_tasks_run(fake_runs: FakeRuns) -> None:
    partial = make_cell("one", tasks=("eg2ex", "t2v"))
    write_cell_record(fake_runs.out, partial, [1, 0], ["eg2ex"])
    assert (
        get_initial_status([partial], index_records(fake_runs.out))[partial.run_key].state
        == "queued"
    )
    states = []
    run_cells(
        [partial],
        fake_runs.out,
        1,
        lambda status: states.extend(item.state for item in status.values()),
    )
    assert states[-1] == "done"
    assert [
        score.task
        for stored in index_records(fake_runs.out).values()
        for score in stored[-1].record.scores
    ]
    assert fake_runs.run_and_list_states(partial) == ["skipped"]
    assert len(fake_runs.read_events()) == 2


def test_a_task_without_a_score_of_a_method_is_not_run_again(fake_runs: FakeRuns) -> None:
    text_free_cell = make_cell("mute", tasks=("eg2ex", "t2v"))
    write_cell_record(fake_runs.out, text_free_cell, [1, 0], ["eg2ex"], requested=("eg2ex", "t2v"))
    assert fake_runs.run_and_list_states(text_free_cell) == ["skipped"]


@pytest.mark.parametrize(
    "field", ["method", "dataset", "training_dataset", "seed", "missing_audio"]
)
def test_a_record_with_another_fingerprint_is_another_run(fake_runs: FakeRuns, field: str) -> None:
    item = make_cell("one")
    write_cell_record(fake_runs.out, item, [1, 0])
    changed = item.fingerprint._replace(**{field: 7 if field == "seed" else "skip"})
    assert changed not in index_records(fake_runs.out)
    assert item.fingerprint in index_records(fake_runs.out)


def test_a_failed_cell_stops_no_other_and_its_last_line_is_the_reason(fake_runs: FakeRuns) -> None:
    fake_runs.exit_codes = {"bad": 2}
    cells = [make_cell("bad", num_parts=9), make_cell("good"), make_cell("bad", seed=1)]
    status = run_cells(cells, fake_runs.out, 1, lambda _: None)
    assert [status[item.run_key].state for item in cells] == ["failed", "done", "failed"]
    assert status[cells[0].run_key].reason == "no model lies there"


def test_an_optional_cell_that_fails_is_unavailable_and_its_other_seeds_are_not_run(
    fake_runs: FakeRuns,
) -> None:
    fake_runs.exit_codes = {"big": 1}
    seeds = [make_cell("big", seed=seed, optional=True) for seed in range(3)]
    assert fake_runs.run_and_list_states(*seeds, make_cell("good"), jobs=1) == [
        "unavailable",
        "unavailable",
        "unavailable",
        "done",
    ]
    assert [name for event, name in fake_runs.read_events() if name.startswith("big")] == [
        "big 0 films"
    ]


def test_an_interrupted_sweep_stops_its_runs_and_keeps_finished_ones(fake_runs: FakeRuns) -> None:
    fake_runs.seconds = {"slow": 60.0}
    cells = [make_cell("quick", num_parts=9), make_cell("slow")]

    def stop(status) -> None:
        if status[cells[1].run_key].state == "running" and ("begin", "slow 0 films") in events():
            raise KeyboardInterrupt

    events = fake_runs.read_events
    with pytest.raises(KeyboardInterrupt):
        run_cells(cells, fake_runs.out, 1, stop)
    assert events()[-1] == ("begin", "slow 0 films")
    assert fake_runs.run_and_list_states(cells[0]) == ["skipped"]
    fake_runs.seconds = {}
    assert fake_runs.run_and_list_states(*cells) == ["skipped", "done"]


def test_a_run_that_survives_a_killed_sweep_is_waited_for_and_not_started_again(
    fake_runs: FakeRuns,
) -> None:
    child = os.fork()
    if not child:  # another sweep, which is killed
        try:
            fake_runs.seconds = {"slow": 1.5}
            run_cells([make_cell("slow")], fake_runs.out, 1, lambda _: None)
        finally:
            os._exit(0)
    while not fake_runs.read_events():
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    reasons = set()
    status = run_cells(
        [make_cell("slow")],
        fake_runs.out,
        1,
        lambda status: reasons.update(item.reason for item in status.values()),
    )
    assert [item.state for item in status.values()] == ["skipped"]
    assert "waits for a run that trains the same weights" in reasons
    assert fake_runs.read_events() == [("begin", "slow 0 films"), ("end", "slow 0 films")]


def test_two_sweeps_with_caches_of_their_own_run_no_cell_twice(
    fake_runs: FakeRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_runs.seconds = {f"m{i}": 0.3 * i for i in range(4)}
    cells = [make_cell(f"m{i}", num_parts=i) for i in range(4)]
    child = os.fork()
    if not child:  # a sweep on another machine, which shares nothing but the records
        code = 1
        try:
            os.environ["EGOEXOBENCH_CACHE"] = str(fake_runs.home / "other cache")
            run_cells(cells, fake_runs.out, 1, lambda _: None)
            code = 0
        finally:
            os._exit(code)
    states = fake_runs.run_and_list_states(*cells, jobs=1)
    assert os.waitpid(child, 0)[1] == 0
    assert set(states) <= {"done", "skipped"}
    begun = sorted(name for event, name in fake_runs.read_events() if event == "begin")
    assert begun == [f"m{i} 0 films" for i in range(4)]


def test_a_cell_that_another_sweep_recorded_before_its_turn_is_skipped(fake_runs: FakeRuns) -> None:
    cells = [make_cell("first", num_parts=9), make_cell("second")]

    def record_second(status) -> None:
        if status[cells[0].run_key].state == "running" and not fake_runs.seconds:
            fake_runs.seconds = {"second": 1.0}
            write_cell_record(fake_runs.out, cells[1], [1, 0])

    status = run_cells(cells, fake_runs.out, 1, record_second)
    assert [status[cell.run_key].state for cell in cells] == ["done", "skipped"]
    assert not [name for _, name in fake_runs.read_events() if name.startswith("second")]


def test_the_command_of_a_cell_is_one_that_a_user_could_type() -> None:
    item = make_cell("soundbridge", seed=3, overrides=(("anchor", "sound"),), trained_on="others")
    words = process.build_command_line(
        item, Path("runs"), process.ChildRunArgs(("beats",), ("--device", "cuda"))
    )
    assert words[1:] == [
        "-m", "egoexobench", "-p", "no:beats", "run", "--method", "soundbridge",
        "--dataset", "films", "--scale", "compact", "--seed", "3", "--out", "runs", "--json",
        "--missing-audio", "error", "--device", "cuda", "--set", "anchor=sound",
        "--task", "eg2ex", "--train-on", "others",
    ]  # fmt: skip
    result = subprocess.run(
        [*words[:3], "run", "--help"], capture_output=True, text=True, check=True
    )
    for word in words:
        if word.startswith("--"):
            assert word in result.stdout
