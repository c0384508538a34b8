"""The command line for tests. It runs in this process, because importing torch takes seconds."""

import sys
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from egoexobench.cli import main


@dataclass(frozen=True)
class CommandResult:
    """Exit code and output of a command."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class CommandLine:
    """`egoexobench` with its own working folder and cache.

    An exception that is not an error for the user is a bug and is raised. Plug-ins in
    ``plugin_folder`` are loaded as if they were installed.
    """

    home: Path
    columns: int = 100
    plugin_folder: Path | None = None

    def __call__(self, *arguments: str) -> CommandResult:
        environment = {
            "EGOEXOBENCH_CACHE": str(self.home / "cache"),
            "COLUMNS": str(self.columns),
        }
        path = sys.path.copy()
        if self.plugin_folder is not None:
            sys.path.insert(0, str(self.plugin_folder))
            for file in self.plugin_folder.glob("*.py"):
                sys.modules.pop(file.stem, None)  # of another test's plug-in with this name
        try:
            with chdir(self.home):
                result = CliRunner().invoke(main, arguments, env=environment)
        finally:
            sys.path[:] = path
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return CommandResult(result.exit_code, result.stdout, result.stderr)
