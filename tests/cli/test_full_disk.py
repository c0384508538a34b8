"""Commands where no file can grow: what needs nothing new works, and the rest is one line."""

from pathlib import Path

import pytest
from command_line import CommandLine
from file_size import limit_file_size

NEEDS_NOTHING_NEW = (
    ("extract", "{data}", "--encoder", "color-grid"),
    ("caption", "{data}"),
    ("sanity", "--dataset", "{data}"),
)
WRITES = (
    ("extract", "{data}", "--encoder", "color-grid"),
    ("caption", "{data}", "--export", "captions.jsonl"),
    ("data", "lists", "{data}", "--out", "lists.jsonl"),
    ("data", "init", "{folder}", "--out", "new.csv"),
    ("data", "doctor", "{data}", "--save-subset", "subset.json"),
)


def fill_in(command: tuple[str, ...], folder: Path) -> list[str]:
    return [word.format(data=f"folder:path={folder}", folder=folder) for word in command]


@pytest.mark.parametrize("command", NEEDS_NOTHING_NEW, ids=lambda command: command[0])
def test_a_command_that_needs_nothing_new_works(
    command: tuple[str, ...], folder: Path, tmp_path: Path
) -> None:
    run_command = CommandLine(tmp_path)
    first = run_command(*fill_in(command, folder))
    with limit_file_size(0):
        second = run_command(*fill_in(command, folder))
    assert (first.returncode, second.returncode) == (0, 0)
    assert "cannot write" not in second.stderr


def test_what_only_saves_time_is_not_kept_and_a_note_says_so(folder: Path, tmp_path: Path) -> None:
    run_command, command = CommandLine(tmp_path), fill_in(("data", "doctor", "{data}"), folder)
    with limit_file_size(0):
        result = run_command(*command)
    assert result.returncode == 0
    (note,) = result.stderr.splitlines()
    assert note.startswith(f"note: cannot write to {tmp_path / 'cache' / 'doctor'}: File too large")
    assert result.stdout == run_command(*command).stdout


@pytest.mark.parametrize("command", WRITES, ids=lambda command: " ".join(command[:2])[:11])
def test_what_cannot_be_written_is_named_and_written_by_the_next_command(
    command: tuple[str, ...], folder: Path, tmp_path: Path
) -> None:
    run_command = CommandLine(tmp_path)
    with limit_file_size(0):
        result = run_command(*fill_in(command, folder))
    last = result.stderr.splitlines()[-1]
    assert result.returncode == 1
    assert last.startswith("egoexobench: cannot write ")
    assert last.endswith(": File too large")
    assert list(tmp_path.rglob("*.draft")) == []
    assert run_command(*fill_in(command, folder)).returncode == 0


@pytest.mark.parametrize("option", ["--out", "--table"])
def test_an_output_that_cannot_be_written_is_found_before_the_work(
    option: str, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "sweep.toml").write_text(
        'schema_version = 1\ntable = 4\ntitle = "T"\nlabel = "M"\nseeds = [0]\n'
        '[[groups]]\nkey = "a"\nlabel = "A"\ncolumns = ["eg2ex"]\n'
        f'dataset = "folder:path={folder}"\n'
        '[[rows]]\nkey = "b"\nlabel = "B"\nmethod = "logmel-neighbor"\n'
    )
    file = tmp_path / "file"
    path = file if option == "--out" else file / "table.md"
    result = CommandLine(tmp_path)("sweep", "sweep.toml", option, str(path))
    assert result.returncode == 1
    assert result.stderr == f"egoexobench: cannot write {path}: {file} is not a folder\n"
