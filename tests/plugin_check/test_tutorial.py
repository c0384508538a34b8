"""The commands of the tutorial lead from an empty folder to rows of a leaderboard."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import CommandLine

PAGE = Path(__file__).parents[2] / "docs/write-a-plugin.md"
INSTALL = "pip install -e ./my-lab"
PIP_OPTIONS = ("--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
METHODS = ("soundbridge video=my-lab-brightness", "soundbridge")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PAGE.is_file(), reason="not a checkout"),
]


def list_commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def install_distribution(home: Path) -> Path:
    """Install the distribution as the page says, but into a folder of the test."""
    site = home / "site"
    command = [sys.executable, "-m", "pip", "install", *PIP_OPTIONS, "--target", str(site)]
    result = subprocess.run(
        [*command, "./my-lab"], cwd=home, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return site


@pytest.fixture
def forgotten_modules() -> Iterator[None]:
    """Modules that the commands import are forgotten afterwards."""
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_lab"]:
        del sys.modules[name]


@pytest.mark.usefixtures("forgotten_modules")
def test_each_command_works_and_each_method_is_a_row(tmp_path: Path) -> None:
    run, outputs = CommandLine(tmp_path), []
    commands = list_commands()
    assert commands.count(INSTALL) == 1
    for command in commands:
        if command == INSTALL:
            run = replace(run, plugin_folder=install_distribution(tmp_path))
            continue
        program, *arguments = command.split()
        assert program == "egoexobench"
        result = run(*arguments)
        assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
        outputs.append(result.stdout)
    rows = re.findall(r"^\| (soundbridge.*?) +\|", outputs[-1], re.MULTILINE)
    assert set(rows) == set(METHODS)
