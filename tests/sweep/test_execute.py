"""What runs when: the bound, who waits for whom, and what a kill leaves; no method is trained."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sweep_records import cell, keep, record

from egoexobench.sweep import process
from egoexobench.sweep.execute import get_initial_status, run_cells
from egoexobench.sweep.plan import SweepCell
from egoexobench.sweep.record_index import index_records

SCRIPT = """
import json, pathlib, sys, time
log, name, seconds, until, code, target, made = sys.argv[1:]
def note(what):
    with open(log, "a") as file:
        file.write(json.dumps([what, name, time.time()]) + chr(10))
note("begin")
for _ in range(600):
    if pathlib.Path(log).read_text().count("begin") >= int(until):
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
    path.write_text(made)
note("end")
"""
"""Stands where `egoexobench run` would: says when it ran, and leaves a record.

It goes on when so many have begun, so that what may run at once does, however slow the machine.
"""


class Stage:
    """Runs cells with the script instead of `run`."""

    def __init__(self, home: Path, patch: pytest.MonkeyPatch) -> None:
        self.home, self.out, self.log = home, home / "runs", home / "log"
        self.seconds: dict[str, float] = {}
        self.until: dict[str, int] = {}
        self.codes: dict[str, int] = {}
        patch.setenv("EGOEXOBENCH_CACHE", str(home / "cache"))
        patch.setattr(process, "build_command_line", self.command)

    def command(self, of: SweepCell, out: Path, more: object = ()) -> list[str]:
        key = of.fingerprint
        stored_record = record(of, [1, 0], of.tasks)[0]
        target = out / of.method / of.dataset / f"{stored_record.id}.json"
        words = [self.log, self.name(of), self.seconds.get(of.method, 0.05)]
        words += [
            self.until.get(of.method, 1),
            self.codes.get(of.method, 0),
            target,
            stored_record.model_dump_json(),
        ]
        assert key.seed == stored_record.seed
        return [sys.executable, "-S", "-c", SCRIPT, *map(str, words)]

    @staticmethod
    def name(of: SweepCell) -> str:
        return f"{of.method} {of.fingerprint.seed} {of.dataset}"

    def events(self) -> list[tuple[str, str]]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [(event, name) for event, name, _ in map(json.loads, lines)]

    def states(self, *cells: SweepCell, jobs: int = 2) -> list[str]:
        status = run_cells(cells, self.out, jobs, lambda _: None)
        return [status[item.fingerprint].state for item in cells]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(tmp_path, monkeypatch)


def most_at_once(events: list[tuple[str, str]]) -> int:
    now = most = 0
    for event, _ in events:
        now += 1 if event == "begin" else -1
        most = max(most, now)
    return most


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_no_more_run_at_once_than_are_allowed_and_as_many_as_can(stage: Stage, jobs: int) -> None:
    keep(stage.out, cell("known"), [1])  # so that the data are ready
    stage.until = {f"m{at}": jobs for at in range(4)}
    cells = [cell("known"), *(cell(f"m{at}") for at in range(4))]
    assert stage.states(*cells, jobs=jobs) == ["skipped", *["done"] * 4]
    assert most_at_once(stage.events()) == jobs


def test_the_first_cell_on_data_that_nobody_has_used_runs_alone_with_most_parts(
    stage: Stage,
) -> None:
    stage.until = {"small": 3, "other": 3}
    cells = [cell("small", num_parts=2), cell("big", num_parts=7), cell("other", num_parts=1)]
    stage.states(*cells, jobs=3)
    events = stage.events()
    assert events[:2] == [("begin", "big 0 films"), ("end", "big 0 films")]
    assert most_at_once(events) == 2


def test_captions_are_written_by_one_cell_while_others_on_the_data_go_on(stage: Stage) -> None:
    keep(stage.out, cell("known"), [1])
    stage.until = {"told": 2}
    shares = frozenset({"films", "llm of films"})
    status = [cell("told", seed, cache_keys=shares, num_parts=9) for seed in range(3)]
    stage.states(cell("known"), *status, cell("plain"), jobs=3)
    events = stage.events()
    first = events.index(("end", "told 0 films"))
    assert ("begin", "plain 0 films") in events[:first]
    assert not {("begin", "told 1 films"), ("begin", "told 2 films")} & set(events[:first])


def test_two_that_train_the_same_never_run_at_once(stage: Stage) -> None:
    keep(stage.out, cell("known"), [1])
    keep(stage.out, cell("known", data="others"), [1])
    stage.seconds = {"one": 0.3}
    own, moved = cell("one"), cell("one", data="others", taught="films")
    stage.states(cell("known"), cell("known", data="others"), own, moved, jobs=2)
    assert most_at_once(stage.events()) == 1
    another = cell("one", seed=1)
    stage.log.unlink()
    stage.until = {"one": 2}
    stage.states(cell("known"), cell("one", seed=2), another, jobs=2)
    assert most_at_once(stage.events()) == 2


def test_what_is_recorded_is_skipped_and_only_missing_tasks_are_asked(stage: Stage) -> None:
    partial = cell("one", tasks=("eg2ex", "t2v"))
    keep(stage.out, partial, [1, 0], ["eg2ex"])
    assert (
        get_initial_status([partial], index_records(stage.out))[partial.fingerprint].state
        == "queued"
    )
    states = []
    run_cells(
        [partial],
        stage.out,
        1,
        lambda status: states.extend(item.state for item in status.values()),
    )
    assert states[-1] == "done"
    assert [
        score.task
        for stored in index_records(stage.out).values()
        for score in stored[-1].record.scores
    ]
    assert stage.states(partial) == ["skipped"]
    assert len(stage.events()) == 2


def test_a_task_that_a_method_has_no_score_for_is_not_asked_for_again(stage: Stage) -> None:
    mute = cell("mute", tasks=("eg2ex", "t2v"))
    keep(stage.out, mute, [1, 0], ["eg2ex"], requested=("eg2ex", "t2v"))
    assert stage.states(mute) == ["skipped"]


@pytest.mark.parametrize(
    "field", ["method", "dataset", "training_dataset", "seed", "missing_audio"]
)
def test_a_record_that_differs_in_anything_is_another_run(stage: Stage, field: str) -> None:
    item = cell("one")
    keep(stage.out, item, [1, 0])
    changed = item.fingerprint._replace(**{field: 7 if field == "seed" else "skip"})
    assert changed not in index_records(stage.out)
    assert item.fingerprint in index_records(stage.out)


def test_one_that_fails_stops_no_other_and_its_last_line_is_the_reason(stage: Stage) -> None:
    stage.codes = {"bad": 2}
    cells = [cell("bad", num_parts=9), cell("good"), cell("bad", seed=1)]
    status = run_cells(cells, stage.out, 1, lambda _: None)
    assert [status[item.fingerprint].state for item in cells] == ["failed", "done", "failed"]
    assert status[cells[0].fingerprint].reason == "no model lies there"


def test_one_that_needs_what_is_not_there_is_absent_and_its_seeds_are_not_tried(
    stage: Stage,
) -> None:
    stage.codes = {"big": 1}
    seeds = [cell("big", seed=seed, optional=True) for seed in range(3)]
    assert stage.states(*seeds, cell("good"), jobs=1) == [
        "unavailable",
        "unavailable",
        "unavailable",
        "done",
    ]
    assert [name for event, name in stage.events() if name.startswith("big")] == ["big 0 films"]


def test_an_interrupted_sweep_ends_what_runs_and_keeps_what_is_done(stage: Stage) -> None:
    stage.seconds = {"slow": 60.0}
    cells = [cell("quick", num_parts=9), cell("slow")]

    def stop(status) -> None:
        if (
            status[cells[1].fingerprint].state == "running"
            and ("begin", "slow 0 films") in events()
        ):
            raise KeyboardInterrupt

    events = stage.events
    with pytest.raises(KeyboardInterrupt):
        run_cells(cells, stage.out, 1, stop)
    assert events()[-1] == ("begin", "slow 0 films")
    assert stage.states(cells[0]) == ["skipped"]
    stage.seconds = {}
    assert stage.states(*cells) == ["skipped", "done"]


def test_after_a_kill_what_still_runs_is_waited_for_and_not_started_again(stage: Stage) -> None:
    child = os.fork()
    if not child:  # a sweep of its own, that is about to be killed
        try:
            stage.seconds = {"slow": 1.5}
            run_cells([cell("slow")], stage.out, 1, lambda _: None)
        finally:
            os._exit(0)
    while not stage.events():
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    reasons = set()
    status = run_cells(
        [cell("slow")],
        stage.out,
        1,
        lambda status: reasons.update(item.reason for item in status.values()),
    )
    assert [item.state for item in status.values()] == ["skipped"]
    assert "waits for a run that trains the same weights" in reasons
    assert stage.events() == [("begin", "slow 0 films"), ("end", "slow 0 films")]


def test_the_command_of_a_cell_is_what_a_person_would_type() -> None:
    item = cell("soundbridge", seed=3, overrides=(("anchor", "sound"),), taught="others")
    words = process.build_command_line(
        item, Path("runs"), process.ChildRunArgs(("beats",), ("--device", "cuda"))
    )
    assert words[1:] == [
        "-m", "egoexobench", "-p", "no:beats", "run", "--method", "soundbridge",
        "--dataset", "films", "--scale", "compact", "--seed", "3", "--out", "runs", "--json",
        "--missing-audio", "error", "--device", "cuda", "--set", "anchor=sound",
        "--task", "eg2ex", "--train-on", "others",
    ]  # fmt: skip
    done = subprocess.run([*words[:3], "run", "--help"], capture_output=True, text=True, check=True)
    for word in words:
        if word.startswith("--"):
            assert word in done.stdout
