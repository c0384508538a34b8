"""A plug-in that cannot be loaded is one line, and the rest goes on."""

import json
import sys
from pathlib import Path

import pytest
from command_line import CommandLine, CommandResult
from plugin_factory import install_plugin

import egoexobench
from egoexobench.errors import NoticeWarning

HOOK = """
from egoexobench import hookimpl

@hookimpl
def register_datasets(register):
    register({name!r}, lambda *, path="x": None)
"""
OBJECT_WITH_HOOKS = """
from egoexobench import hookimpl

class Hooks:
    @hookimpl
    def register_datasets(self, register):
        register("theirs", lambda *, path="x": None)

class Holder:
    hooks = Hooks()
"""


@pytest.fixture
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module name of this test alone."""
    name = f"stranger_{abs(hash(request.node.name))}"
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def list_datasets(folder: Path) -> CommandResult:
    result = CommandLine(folder, plugin_folder=folder)("list", "dataset")
    assert result.returncode == 0
    assert "dataset  folder" in result.stdout
    return result


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("raise BaseException('two\\nlines \\x1b[2J')", r"BaseException: two lines \u001b[2J"),
        ("def register_datasets(register): ...", "has no function that is marked with @hookimpl"),
        ("", "has no function that is marked with @hookimpl"),
        ("from egoexobench import hookimpl\n@hookimpl\ndef register_data(register): ...", "hook"),
        (HOOK.format(name="x").replace("register(", "int("), "TypeError"),
    ],
)
def test_a_plug_in_that_fails_is_one_line(
    tmp_path: Path, name: str, source: str, reason: str
) -> None:
    install_plugin(tmp_path, name, source)
    (line,) = list_datasets(tmp_path).stderr.splitlines()
    assert line.startswith(f"warning: plug-in '{name.replace('_', '-')}' ({name} 0.1) was not lo")
    assert reason in line


def test_a_plug_in_with_the_name_of_ours_is_one_short_line(tmp_path: Path, name: str) -> None:
    install_plugin(tmp_path, name, HOOK.format(name="folder"), entry=f"folder = {name}")
    result = list_datasets(tmp_path)
    assert result.stderr.startswith(f"warning: plug-in 'folder' ({name} 0.1) was not loaded: egoex")
    assert len(result.stderr) < 200
    assert name not in result.stdout


def test_a_part_with_the_name_of_ours_is_one_short_line(tmp_path: Path, name: str) -> None:
    both = HOOK.format(name="folder") + "    register('theirs', lambda *, path='x': None)\n"
    install_plugin(tmp_path, name, both)
    result = list_datasets(tmp_path)
    plugin = name.replace("_", "-")
    assert result.stderr.startswith(f"warning: dataset 'folder' of plug-in '{plugin}' ({name} 0.1)")
    assert "(-p no:folder blocks it)" in result.stderr
    assert result.stderr.count("\n") == 1
    assert "dataset  theirs" in result.stdout
    unblocked = CommandLine(tmp_path, plugin_folder=tmp_path)("-p", "no:folder", "list", "dataset")
    assert unblocked.stderr == ""
    (line,) = (
        line for line in unblocked.stdout.splitlines() if line.startswith("dataset  folder ")
    )
    assert f"{name} 0.1" in line


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("3, int", "3 cannot be typed as a name"),
        ("None, int", "None cannot be typed as a name"),
        ("'', int", "'' cannot be typed as a name"),
        ("'a name', int", "'a name' cannot be typed as a name"),
        ("'a:b', int", "'a:b' cannot be typed as a name"),
        ("'mine', 3", "its factory is 3; expected a function"),
        ("'mine', int, aliases='old'", "its aliases are 'old'; expected a list"),
        ("'mine', int, aliases=[3]", "3 cannot be typed as a name"),
        ("'mine', int, aliases=3", "3 cannot be typed as a name"),
    ],
)
def test_a_part_that_cannot_be_used_is_one_line_and_the_next_part_is_there(
    tmp_path: Path, name: str, arguments: str, reason: str
) -> None:
    good = "    register('theirs', lambda *, path='x': None)\n"
    source = HOOK.partition("    register(")[0] + f"    register({arguments})\n" + good
    install_plugin(tmp_path, name, source)
    result = list_datasets(tmp_path)
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1
    assert "dataset  theirs" in result.stdout


def test_an_entry_point_may_name_an_object_in_a_module(tmp_path: Path, name: str) -> None:
    install_plugin(tmp_path, name, OBJECT_WITH_HOOKS, entry=f"mine = {name}:Holder.hooks")
    result = list_datasets(tmp_path)
    assert result.stderr == ""
    assert "dataset  theirs" in result.stdout


def test_python_gets_a_notice(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install_plugin(tmp_path, name, "1 / 0")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.warns(NoticeWarning, match=r"was not loaded: ZeroDivisionError"):
        assert egoexobench.list_parts("dataset")


def test_what_a_plug_in_prints_is_not_in_the_output(tmp_path: Path, name: str) -> None:
    install_plugin(tmp_path, name, "print('hello')\n" + HOOK.format(name="theirs"))
    result = CommandLine(tmp_path, plugin_folder=tmp_path)(
        "data", "doctor", f"folder:path={tmp_path}", "--json"
    )
    assert "hello" not in result.stdout
    assert result.stderr.startswith("hello\n")
    assert result.stdout == "" or json.loads(result.stdout)
