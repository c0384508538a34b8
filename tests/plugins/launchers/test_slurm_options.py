"""Options of the launcher `slurm`, without a Slurm."""

from pathlib import Path

import pytest

from egoexobench import UsageError
from egoexobench_plugins.launchers import slurm
from egoexobench_plugins.launchers.slurm_options import build_sbatch_options


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of Slurm that do nothing."""
    for name in ("sbatch", "squeue", "scontrol", "scancel"):
        path = tmp_path / name
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("commands")
def test_values_and_other_options_become_arguments_of_their_own() -> None:
    options = build_sbatch_options({"mem": "32G", "qos": None}, "--nice=1 --comment='a b'")
    assert options == ("--mem=32G", "--nice=1", "--comment=a b")


@pytest.mark.usefixtures("commands")
@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("job.sh", "'job.sh' is not --NAME=VALUE"),
        ("-p gpu", "'-p' is not --NAME=VALUE"),
        ("--wrap=true", "launcher 'slurm' sets --wrap"),
        ("--array=1-9", "launcher 'slurm' sets --array"),
        ("--comment='a", "No closing quotation"),
    ],
)
def test_other_options_that_would_hide_the_jobs_are_refused(extra: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        slurm(extra=extra)


@pytest.mark.usefixtures("commands")
def test_numbers_that_are_too_small_are_refused_and_portions_default_to_jobs_at_once() -> None:
    for name, value in (("portions", 0), ("gpus", -1), ("minutes", 1), ("poll_seconds", -1.0)):
        with pytest.raises(UsageError, match=f"{name}={value} is invalid for launcher 'slurm'"):
            slurm(**{name: value})  # type: ignore[arg-type]
    assert slurm().portions == 1
    assert slurm(at_once=4).portions == 4
    assert slurm(at_once=4, portions=9).portions == 9


def test_a_machine_without_slurm_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="needs sbatch, squeue, scontrol, scancel, which this"):
        slurm()
