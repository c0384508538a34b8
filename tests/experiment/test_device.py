"""Devices and precision."""

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from egoexobench.cli import main
from egoexobench.device import DeviceConfig, resolve_device
from egoexobench.errors import UsageError


def told(folder: Path, *more: str):
    arguments = ("run", "--method", "soundbridge", "--dataset", f"folder:path={folder}")
    return CliRunner().invoke(
        main, (*arguments, "--set", "epochs=1", "--set", "embed_dim=16", *more, "--task", "eg2ex")
    )


def test_auto_is_cuda_where_there_is_one_and_the_cpu_elsewhere() -> None:
    wanted = "cuda" if torch.cuda.is_available() else "cpu"
    assert resolve_device(DeviceConfig("auto")).device == wanted


@pytest.mark.parametrize("device", ["tpu", "cuda:99", "cpu,cuda", ""])
def test_a_device_that_is_not_there_is_one_line(device: str) -> None:
    with pytest.raises(UsageError, match="device"):
        resolve_device(DeviceConfig(device))


def test_compiling_without_a_compiler_is_one_line_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(UsageError, match=r"needs a C\+\+ compiler") as caught:
        resolve_device(DeviceConfig(compile=True))
    assert "\n" not in str(caught.value)
    assert not resolve_device(DeviceConfig()).compile
    own = tmp_path / "mine"
    own.touch(0o755)
    monkeypatch.setenv("CXX", str(own))
    assert resolve_device(DeviceConfig(compile=True)).compile


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_mixed_precision_run_is_near_the_exact_one_and_says_what_it_is(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))
    done = told(folder, "--precision", precision, "--json")
    assert done.exit_code == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["environment"]["precision"] == precision
    exact = json.loads(told(folder, "--json").stdout)
    assert exact["environment"]["precision"] == "fp32"
    values = [
        score["metrics"]["mrr"]["value"]
        for found in (record, exact)
        for score in found["scores"]
        if "mrr" in score["metrics"]
    ]
    half = len(values) // 2
    assert values[:half] == pytest.approx(values[half:], abs=0.5)
