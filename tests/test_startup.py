"""Commands that compute nothing answer at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

resource = pytest.importorskip("resource")
ROUNDS = 7
MAX_RATIO = 4.0
"""Processor time of a command, as a multiple of an empty interpreter's."""


def measure_seconds(arguments: list[str], cache: Path) -> float:
    """Return the processor time of a process; its modules are compiled once into a cache."""
    environment = dict(os.environ, PYTHONPYCACHEPREFIX=str(cache))
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["list", "method"]])
def test_a_command_takes_at_most_four_times_an_empty_interpreter(
    arguments: list[str], tmp_path: Path
) -> None:
    empty, command = ["-c", "pass"], ["-m", "egoexobench", *arguments]
    measure_seconds(command, tmp_path)  # fills the cache
    times = [
        (measure_seconds(empty, tmp_path), measure_seconds(command, tmp_path))
        for _ in range(ROUNDS)
    ]
    floor, seconds = (min(column) for column in zip(*times, strict=True))
    assert seconds <= MAX_RATIO * floor, f"{seconds:.3f} s and {floor:.3f} s"


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["show", "method", "soundbridge"]])
def test_listing_does_not_import_the_metadata_reader(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom egoexobench.cli import main\n"
        f"main({arguments!r}, standalone_mode=False)\n"
        "sys.exit('importlib.metadata' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert result.returncode == 0
