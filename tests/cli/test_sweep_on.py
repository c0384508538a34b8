"""`sweep --on` as a user runs it."""

from pathlib import Path

import pytest
from command_line import CommandLine

from egoexobench.records.store import read_record
from egoexobench.sweep.record_index import index_records

SWEEP = """
schema_version = 1
table = 3
title = "Two cells"
label = "Method"
seeds = [0]
[[groups]]
key = "own"
label = "Own"
dataset = "folder:path={folder}"
policy = "gallery"
columns = ["eg2ex"]
[[rows]]
key = "one"
label = "Sound"
method = "logmel-neighbor"
[[rows]]
key = "bad"
label = "Bad"
method = "soundbridge"
set = {{ captioner = "imported:file=nowhere.jsonl" }}
"""


@pytest.fixture
def command_line(tmp_path: Path, folder: Path) -> CommandLine:
    (tmp_path / "two.toml").write_text(SWEEP.format(folder=folder))
    return CommandLine(tmp_path, columns=200)


@pytest.mark.slow
def test_cells_are_placed_by_a_launcher_and_recorded_once(command_line: CommandLine) -> None:
    command = ("sweep", "two.toml", "--out", "records", "--on", "local:at_once=2,gpus=0")
    first = command_line(*command)
    assert first.returncode == 1
    assert "1 of 2 runs failed" in first.stderr
    assert "nowhere.jsonl" in first.stderr
    index = index_records(command_line.home / "records")
    ((stored,),) = index.values()
    record = read_record(stored.path)
    assert record.command[:2] == ("run", "--method")  # what repeats this run
    second = command_line(*command)
    assert second.returncode == 1
    assert "logmel-neighbor" not in second.stderr  # skipped
    assert len(index_records(command_line.home / "records")) == 1
    # a job that a scheduler starts twice finds the record
    assert len([*(command_line.home / "records").rglob("*-seed*.json")]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--on", "locl"), "unknown launcher 'locl'. Did you mean 'local'?"),
        (("--on", "local", "--jobs", "2"), "--on cannot be used with --jobs"),
        (("--on", "local", "--on-interrupt", "leave"), "cannot be used with 'local'"),
        (("--on-interrupt", "leave"), "--on-interrupt leave needs --on"),
    ],
)
def test_a_wrong_launcher_is_one_line(
    command_line: CommandLine, arguments: tuple[str, ...], message: str
) -> None:
    result = command_line("sweep", "two.toml", *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert not (command_line.home / "runs").exists()


def test_a_job_of_a_sweep_that_has_changed_is_one_line(command_line: CommandLine) -> None:
    result = command_line("sweep", "two.toml", "--cell", "0" * 16)
    assert result.returncode == 1
    assert "the sweep has no run 0000000000000000" in result.stderr
