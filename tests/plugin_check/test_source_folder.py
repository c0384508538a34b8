"""A folder is opened as if its distribution were installed, or one line says why not."""

import os
import sys
from pathlib import Path

import pytest
from command_line import CommandLine
from plugin_folder import write_plugin

from egoexobench.entry_points import list_entry_points
from egoexobench.errors import DataError
from egoexobench.plugin_check.source_folder import open_source_folder

ENTRIES = '[project.entry-points.egoexobench]\nmine = "mine"\n'
PROJECT = '[project]\nname = "mine"\nversion = "1"\n'


def test_the_plugins_of_a_folder_are_there_inside_the_block_alone(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path, "one-lab")
    path, variable = sys.path.copy(), os.environ.get("PYTHONPATH")
    with open_source_folder(folder) as name:
        (entry,) = (item for item in list_entry_points("egoexobench") if item.name == name)
        assert str(entry.distribution) == "one-lab 0.1"
        assert os.environ["PYTHONPATH"].split(os.pathsep)[1] == str(folder)
    assert sys.path == path
    assert os.environ.get("PYTHONPATH") == variable
    assert not any(item.name == "one-lab" for item in list_entry_points("egoexobench"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "has no pyproject.toml; name the folder of a distribution"),
        ("[project", "cannot be read: "),
        ("\0", "cannot be read: "),
        ("[tool.ruff]\n", "has no table [project]"),
        ('project = "mine"\n', "has no table [project]"),
        ("[project]\n" + ENTRIES, "the name of the project is None"),
        ('[project]\nname = "a\\nName: b"\n' + ENTRIES, "the name of the project is"),
        ('[project]\nname = "mine"\nversion = 1\n' + ENTRIES, "the version of the project is 1"),
        (PROJECT, "declares no plug-in: it needs a table [project.entry-points.egoexobench]"),
        (PROJECT + "[project.entry-points.egoexobench]\n", "declares no plug-in"),
        (PROJECT + '[project.entry-points]\negoexobench = "mine"\n', "names no module"),
        (PROJECT + ENTRIES.replace('"mine"', "3"), "mine = 3 names no module"),
        (PROJECT + ENTRIES.replace('"mine"', '"../mine"'), "mine = '../mine' names no module"),
        (PROJECT + ENTRIES, "has no module 'mine', in itself or in src"),
        (PROJECT + "dependencies = 3\n" + ENTRIES, "the dependencies of the project are 3"),
        (PROJECT + 'dependencies = ["a\\nb"]\n' + ENTRIES, "the dependencies of the project are"),
    ],
)
def test_a_folder_that_is_no_distribution_is_one_line(
    tmp_path: Path, text: str | None, reason: str
) -> None:
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(DataError) as raised, open_source_folder(tmp_path):
        pass
    assert reason in str(raised.value)


def test_a_folder_that_does_not_exist_and_an_unknown_name_are_one_line(tmp_path: Path) -> None:
    run = CommandLine(tmp_path)
    result = run("plugin", "check", "./nothing")
    assert result.returncode == 1
    assert "nothing has no pyproject.toml" in result.stderr
    result = run("plugin", "check", "egoexobanch")
    assert result.returncode == 2
    assert "unknown distribution 'egoexobanch' with plug-ins. Did you mean 'egoexo" in result.stderr
