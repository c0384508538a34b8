"""Jobs in processes of their own."""

import pytest

from egoexobench.toolbox.job_process import is_killed


@pytest.mark.parametrize(
    ("exit_code", "expected"),
    [(0, False), (1, False), (2, False), (-9, True), (137, True), (143, True), (255, False)],
)
def test_a_job_runs_again_only_after_a_signal(exit_code: int, expected: bool) -> None:
    assert is_killed(exit_code) == expected
