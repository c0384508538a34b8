"""Runs the tests that lie beside the code of a distribution."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from egoexobench.plugin_check.report import CheckState

TEST_FOLDER = "tests"
_NO_TESTS = 5
"""Exit code of pytest where it finds no test."""
LIMIT_S = 600.0
"""Seconds after which tests that do not end have failed."""


def run_own_tests(root: Path) -> tuple[CheckState, str]:
    """Run the folder `tests` of a distribution with pytest.

    Returns:
        The state, and the first fault in one line; empty if all tests pass.
    """
    if not (root / TEST_FOLDER).is_dir():
        return "not checked", f"it has no folder {TEST_FOLDER}"
    if find_spec("pytest") is None:
        return "not checked", "pytest is not installed: pip install pytest"
    command = [sys.executable, "-m", "pytest", "-q", "-rfE", "-p", "no:cacheprovider", TEST_FOLDER]
    try:
        result = subprocess.run(  # noqa: S603 - our own command line, no shell
            command,
            cwd=root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "failed", f"its tests do not end within {LIMIT_S:g} s"
    if result.returncode == 0:
        return "passed", ""
    if result.returncode == _NO_TESTS:
        return "failed", f"pytest finds no test in its folder {TEST_FOLDER}"
    return "failed", _find_fault(result.stdout, result.stderr)


def _find_fault(stdout: str, stderr: str) -> str:
    """The first line of pytest's summary that names a test, else the last line of its output."""
    lines = [line.strip() for line in (stdout + "\n" + stderr).splitlines() if line.strip()]
    named = [line for line in lines if line.startswith(("FAILED ", "ERROR "))]
    fault = next(iter(named or lines[-1:]), "pytest ended without a message")
    return fault.removeprefix("E ").strip()  # pytest marks lines of an exception so
