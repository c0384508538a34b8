"""A part of the campaign of `benchmarks/faults.py`, with a fixed seed."""

import subprocess
import sys
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).parents[1] / "benchmarks" / "faults.py"


KINDS = ("kills", "corruptions", "inputs", "agreements")


@pytest.mark.slow
def test_nothing_is_wrong_without_a_word() -> None:
    options = [option for kind in KINDS for option in ("--only", kind)]
    done = subprocess.run(
        [sys.executable, str(CAMPAIGN), *options, "--count", "5", "--jobs", "2"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
