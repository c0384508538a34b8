"""The tests of a distribution are run, and a test folder that cannot be run is one line."""

from pathlib import Path

import pytest

from egoexobench.plugin_check import own_tests
from egoexobench.plugin_check.own_tests import run_own_tests

PASSING = "def test_sum():\n    assert 1 + 1 == 2\n"


@pytest.mark.parametrize(
    ("source", "state", "reason"),
    [
        (PASSING, "passed", ""),
        (PASSING.replace("== 2", "== 3"), "failed", "FAILED tests/test_lab.py::test_sum - assert"),
        ("import no_such_module\n", "failed", "ERROR tests/test_lab.py"),
        ("", "failed", "pytest finds no test in its folder tests"),
        (None, "not checked", "it has no folder tests"),
    ],
)
def test_the_first_fault_is_one_line(
    tmp_path: Path, source: str | None, state: str, reason: str
) -> None:
    if source is not None:
        (tmp_path / "tests").mkdir()
        (tmp_path / "tests" / "test_lab.py").write_text(source)
    result = run_own_tests(tmp_path)
    assert result[0] == state
    assert result[1].startswith(reason)
    assert "\n" not in result[1]


def test_a_broken_configuration_of_pytest_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "conftest.py").write_text("raise RuntimeError('no data here')\n")
    state, reason = run_own_tests(tmp_path)
    assert state == "failed"
    assert reason == "RuntimeError: no data here"


def test_tests_that_do_not_end_have_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_lab.py").write_text("import time\n\ntime.sleep(60)\n")
    monkeypatch.setattr(own_tests, "LIMIT_S", 0.5)
    assert run_own_tests(tmp_path) == ("failed", "its tests do not end within 0.5 s")


def test_without_pytest_the_tests_are_not_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tests").mkdir()
    monkeypatch.setattr(own_tests, "find_spec", lambda name: None)
    reason = "pytest is not installed: pip install pytest"
    assert run_own_tests(tmp_path) == ("not checked", reason)
