"""`egoexobench data export` as a user runs it."""

import json
from pathlib import Path

from command_line import CommandLine


def test_a_folder_of_clips_becomes_tasks_of_mteb(tmp_path: Path, folder: Path) -> None:
    run = CommandLine(tmp_path)
    arguments = ("data", "export", f"folder:path={folder}", "--format", "mteb", "--out", "out")
    result = run(*arguments, "--task", "eg2ex", "--task", "t2v", "--policy", "gallery")
    assert result.returncode == 0, result.stderr
    assert "4 queries\n" in result.stdout
    assert "8 queries in ego and exo" in result.stdout
    assert "out: 2 tasks of mteb" in result.stdout
    fields = json.loads((tmp_path / "out" / "tasks.json").read_text())
    assert [(field["task"], field["policy"]) for field in fields] == [
        ("eg2ex", "gallery"),
        ("t2v", "gallery"),
    ]
    compile((tmp_path / "out" / "tasks.py").read_text(), "tasks.py", "exec")
    assert str(folder) not in "".join(p.read_text() for p in (tmp_path / "out").rglob("*.json*"))
    again = run(*arguments)
    assert again.returncode == 1
    assert again.stderr.strip() == "egoexobench: out already exists: choose another --out"


def test_a_policy_without_queries_is_one_line(tmp_path: Path, folder: Path) -> None:
    result = CommandLine(tmp_path)(
        "data", "export", f"folder:path={folder}", "--format", "mteb", "--out", "out",
        "--task", "v2t", "--policy", "mcq20",
    )  # fmt: skip
    assert result.returncode == 1
    assert "folder asks no query of v2t by mcq20 in split test" in result.stderr
    assert not list(tmp_path.glob("*out*"))
