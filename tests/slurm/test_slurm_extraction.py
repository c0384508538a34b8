"""`extract --on slurm` on a real Slurm of two nodes."""

from pathlib import Path

import pytest
from command_line import CommandLine

pytestmark = [pytest.mark.slurm, pytest.mark.slow]


def test_portions_of_an_extraction_run_as_an_array_and_a_refusal_is_one_line(
    slurm: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del slurm
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run = CommandLine(tmp_path)
    command = ["extract", f"folder:path={folder}", "--encoder", "color-grid", "--out", "tokens"]
    refused = run(*command, "--on", "slurm:partition=nowhere")
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()[-1:]
    assert line.startswith("egoexobench: Slurm refuses: ")
    assert not [*tmp_path.glob("tokens/*/*.safetensors")]
    result = run(*command, "--on", "slurm:portions=2,minutes=10,poll_seconds=0.5")
    assert result.returncode == 0, result.stdout + result.stderr
    assert len([*tmp_path.glob("slurm-logs/*.exit")]) == 2
    again = run(*command)
    assert "32 of 32 stored" in again.stdout, again.stdout
    assert again.returncode == 0
