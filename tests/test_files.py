"""The cache folder, and files that are written completely or not at all."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from egoexobench import files
from egoexobench.errors import DataError, WriteError
from egoexobench.files import replaced_folder, write_texts_atomic


def test_without_a_home_folder_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("EGOEXOBENCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", fail)
    with pytest.raises(DataError, match="set EGOEXOBENCH_CACHE to a folder"):
        files.cache_dir()


def make_draft(folder: Path, host: str, process: int, age_s: float = 0) -> Path:
    path = folder / f".a.json.{host}-{process}-0123abcd.draft"
    path.write_text("half")
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def run_process() -> int:
    """Number of a process that has ended."""
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def test_only_the_draft_of_a_running_process_on_this_host_stays_for_longer_than_a_day(
    tmp_path: Path,
) -> None:
    here, day = files.identify_host(), files.STALE_AFTER_S
    ended = run_process()
    current = [
        make_draft(tmp_path, here, os.getpid(), age_s=9 * day),
        make_draft(tmp_path, here, os.getppid()),
        make_draft(tmp_path, "0" * 8, ended, age_s=day - 60),
    ]
    stale = [
        make_draft(tmp_path, here, ended),
        make_draft(tmp_path, "1" * 8, os.getpid(), age_s=day + 60),
    ]
    old_form = tmp_path / ".a.json.1.draft"  # of a version that named no host
    other = [tmp_path / name for name in (".draft", ".a.draft", "a.1.draft", ".a.json.1")]
    for path in (old_form, *other):
        path.write_text("")
        os.utime(path, (0, 0))
    files.remove_stale_drafts(tmp_path)
    assert [path for path in (*current, *other) if not path.exists()] == []
    assert [path for path in (*stale, old_form) if path.exists()] == []


def test_the_first_file_that_is_written_into_a_folder_removes_what_a_killed_process_left(
    tmp_path: Path,
) -> None:
    stale = make_draft(tmp_path, files.identify_host(), run_process())
    files.write_text_atomic(tmp_path / "a.json", "{}")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert not stale.exists()


def test_a_folder_that_is_replaced_removes_the_folders_that_a_killed_process_left(
    tmp_path: Path,
) -> None:
    host = files.identify_host()
    stale, current = (
        tmp_path / f".site.{host}-{process}-0123abcd.draft"
        for process in (run_process(), os.getppid())
    )
    for draft in (stale, current):
        (draft / "runs").mkdir(parents=True)
    with replaced_folder(tmp_path / "site") as draft:
        (draft / "new").touch()
        assert stale.exists()  # it may be the old folder, until there is a new one
    assert {path.name for path in tmp_path.iterdir()} == {"site", current.name}


def test_containers_with_one_process_number_write_one_file_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    path = tmp_path / "a.json"
    with files.atomic_path(path) as first, files.atomic_path(path) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_of_the_greatest_length_has_a_draft(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 120 + ".json")
    files.write_text_atomic(path, "{}")
    assert path.read_text() == "{}"


def test_a_draft_is_removed_after_an_error(tmp_path: Path) -> None:
    def write() -> None:
        with files.atomic_path(tmp_path / "a") as draft:
            draft.write_text("half")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        write()
    assert not list(tmp_path.iterdir())


def test_of_several_texts_all_are_written_or_none(tmp_path: Path) -> None:
    first, second = tmp_path / "first.md", tmp_path / "file" / "second.md"
    first.write_text("old")
    second.parent.write_text("no folder")
    with pytest.raises(WriteError, match=r"second\.md"):
        write_texts_atomic({first: "new", second: "new"})
    assert first.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "first.md"]
    second.parent.unlink()
    write_texts_atomic({first: "new", second: "new"})
    assert first.read_text() == second.read_text() == "new"


def test_an_interruption_between_two_renames_brings_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "site"
    path.mkdir()
    (path / "old").touch()
    rename = Path.rename
    calls: list[Path] = []

    def interrupt_second(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupt_second)
    with pytest.raises(KeyboardInterrupt), replaced_folder(path) as draft:
        (draft / "new").touch()
    assert [file.name for file in path.iterdir()] == ["old"]
    assert [file.name for file in tmp_path.iterdir()] == ["site"]
