"""The command line as tests call it: in this process, since importing torch costs seconds."""

import sys
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from egoexobench.cli import main


@dataclass(frozen=True)
class CommandResult:
    """What a command leaves behind."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class CommandLine:
    """`egoexobench`, with a working folder and a cache of its own.

    An exception that is no error for the user is a bug and is raised. Plug-ins are found in
    ``plugin_folder``, if there is one, as if it were installed.
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
        try:
            with chdir(self.home):
                result = CliRunner().invoke(main, arguments, env=environment)
        finally:
            sys.path[:] = path
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return CommandResult(result.exit_code, result.stdout, result.stderr)
