"""Runs the shell lines of the documentation; `egoexobench` in this process, which is quick."""

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from glob import glob
from pathlib import Path

import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from page_blocks import ROOT

from egoexobench.cli import main

VARIABLE = re.compile(r"[A-Z_]+=")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
EXTERNAL = ("tar", "cp", "mkdir")


@dataclass
class ShellSession:
    """A shell in the current folder, whose exported variables are those of this process."""

    monkeypatch: pytest.MonkeyPatch

    def run_block(self, text: str) -> str:
        """Run every line; return what they print. The first that fails is an AssertionError."""
        return "".join(self.run_line(line) for line in split_lines(text))

    def run_line(self, line: str) -> str:
        """Run one command and return what it prints; with ``> FILE`` it is written there."""
        command, _, file = line.partition(" > ")
        words = [path for word in shlex.split(command, comments=True) for path in expand_path(word)]
        variables = {}
        while words and VARIABLE.match(words[0]):
            name, _, variables[name] = words.pop(0).partition("=")
        output = self.run_words(words, variables)
        if file:
            Path(file.strip()).write_text(output)
            return ""
        return output

    def run_words(self, words: list[str], variables: dict[str, str]) -> str:
        """Run a command with its arguments."""
        match words:
            case ["export", assignment]:
                name, _, value = assignment.partition("=")
                self.monkeypatch.setenv(name, value)
                return ""
            case ["pip", "install", *arguments]:
                check_requirements(arguments)
                return ""
            case ["python", "-c", code]:
                exec(compile(code, "python -c", "exec"), {})
                return ""
            case ["egoexobench", *arguments]:
                return self.run_toolkit(arguments, variables)
            case [name, *_] if name in EXTERNAL:
                return subprocess.run(words, check=True, capture_output=True, text=True).stdout
        raise AssertionError(f"this test cannot run {words}: add a comment `not run:`")

    def run_toolkit(self, arguments: list[str], variables: dict[str, str]) -> str:
        """Run ``egoexobench``."""
        environment = {"COLUMNS": "100"} | variables
        result = CliRunner().invoke(main, arguments, env=environment, prog_name="egoexobench")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, f"{arguments}: {result.output[-1500:]}"
        return result.stdout


def split_lines(text: str) -> Iterator[str]:
    """The commands of a block, without comments."""
    for line in text.replace("\\\n", " ").splitlines():
        for command in line.split(" && "):
            if shlex.split(command, comments=True):
                yield command.strip()


def expand_path(word: str) -> list[str]:
    """The paths that a pattern of a shell stands for; a word without a pattern is itself."""
    return sorted(glob(word)) or [word] if "*" in word else [word]


def check_requirements(arguments: list[str]) -> None:
    """Fail if an extra of this distribution does not exist."""
    for word in arguments:
        if word.startswith(("egoexobench[", ".[")):
            requirement = Requirement(word.replace(".[", "egoexobench[", 1))
            missing = {canonicalize_name(e) for e in requirement.extras} - EXTRAS.keys()
            assert not missing, f"no extra {missing}"
        elif word.endswith(".txt"):
            assert (ROOT / word).is_file(), word
