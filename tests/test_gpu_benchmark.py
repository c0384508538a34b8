"""`benchmarks/gpu.py` on the CPU at tiny size: it is ready when a GPU is lent."""

import json
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    folder = Path(__file__).parents[1] / "benchmarks"
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return import_module("gpu")


@pytest.mark.parametrize("section", ["encoders", "sizes", "training", "ranks"])
@pytest.mark.slow
def test_a_section_measures_and_judges(gpu: ModuleType, section: str) -> None:
    options = {"only": ("beats", "random-word-vectors")} if section == "encoders" else {}
    rows = list(gpu.import_section(section).measure_rows("cpu", is_tiny=True, **options))
    assert rows
    assert {row["passed"] for row in rows if "passed" in row} == {True}
    assert json.loads(json.dumps(rows)) == rows


def test_tokens_that_differ_fail(gpu: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    encoders = gpu.import_section("encoders")
    comparison = import_module("gpu_sections.token_comparison")
    encode = comparison.encode_items
    monkeypatch.setattr(
        comparison,
        "encode_items",
        lambda workload, device, precision: (
            encode(workload, "cpu", "fp32") * (1 if device == "cpu" else 1.001)
        ),
    )
    (row,) = encoders.measure_rows("elsewhere", only=["random-word-vectors"])
    assert row["passed"] is False
    assert row["fp32"] == pytest.approx(1e-3, rel=1e-3)


def test_a_section_that_fails_or_hangs_is_a_line_and_the_others_go_on(
    gpu: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "LIMITS_S", {"ranks": 0.01, "unknown": 60})
    hanging, _ = gpu.run_section("ranks", "cpu", is_tiny=True)
    assert (hanging["passed"], hanging["failure"]) == (False, "did not end within 0.04 s")
    failing, _ = gpu.run_section("unknown", "cpu", is_tiny=True)
    assert failing["passed"] is False
    assert "ended with status 2" in failing["failure"]
    assert "invalid choice: 'unknown'" in failing["failure"]


def test_the_limits_of_all_sections_are_below_five_minutes(gpu: ModuleType) -> None:
    assert sum(gpu.LIMITS_S.values()) < 300
