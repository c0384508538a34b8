"""Devices and precision."""

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from egoexobench.cli import main
from egoexobench.device import DeviceConfig, resolve_device
from egoexobench.errors import UsageError


def run_soundbridge(folder: Path, *options: str):
    arguments = ("run", "--method", "soundbridge", "--dataset", f"folder:path={folder}")
    return CliRunner().invoke(
        main,
        (*arguments, "--set", "epochs=1", "--set", "embed_dim=16", *options, "--task", "eg2ex"),
    )


def test_auto_is_cuda_if_available_and_else_the_cpu() -> None:
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert resolve_device(DeviceConfig("auto")).device == expected


@pytest.mark.parametrize("device", ["tpu", "cuda:99", "cpu,cuda", ""])
def test_an_unknown_device_is_one_line(device: str) -> None:
    with pytest.raises(UsageError, match="device"):
        resolve_device(DeviceConfig(device))


def test_compiling_without_a_compiler_is_one_line_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(UsageError, match=r"needs a C\+\+ compiler") as caught:
        resolve_device(DeviceConfig(compile=True))
    assert "\n" not in str(caught.value)
    assert not resolve_device(DeviceConfig()).compile
    compiler = tmp_path / "mine"
    compiler.touch(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    assert resolve_device(DeviceConfig(compile=True)).compile


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_mixed_precision_run_is_near_the_exact_one_and_records_its_precision(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))
    result = run_soundbridge(folder, "--precision", precision, "--json")
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    assert record["environment"]["precision"] == precision
    exact = json.loads(run_soundbridge(folder, "--json").stdout)
    assert exact["environment"]["precision"] == "fp32"
    values = [
        score["metrics"]["mrr"]["value"]
        for run in (record, exact)
        for score in run["scores"]
        if "mrr" in score["metrics"]
    ]
    half = len(values) // 2
    assert values[:half] == pytest.approx(values[half:], abs=0.5)
