"""The benchmarks of encoders by name call this version of the runner."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from tiny_models import write_tiny_model

from egoexobench.registry import Registry
from egoexobench.types import Audio
from egoexobench_plugins.hub_encoders.families import find_family


def import_benchmark(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    folder = Path(__file__).parents[3] / "benchmarks"
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return import_module(name)


def test_the_call_that_is_timed_gives_the_vector_of_the_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = import_benchmark("encoders_by_name", monkeypatch)
    write_tiny_model(tmp_path, "audio", "audio-spectrogram-transformer")
    source = Audio(np.random.default_rng(0).uniform(-1, 1, 16_000).astype(np.float32), 16_000)
    spec = f"hf-audio:model={tmp_path},output=pooled"
    rows = benchmark.call_ours(spec, source)()
    encoder = Registry().create("encoder", spec)
    values = torch.from_numpy(encoder.prepare(source))[None]
    with torch.inference_mode():
        tokens = encoder.encode(values, torch.ones(values.shape[:2], dtype=torch.bool))
    assert np.array_equal(rows, tokens.values[0].numpy())


@pytest.mark.parametrize(("kind", "model_type"), [("text", "bert"), ("audio", "whisper")])
def test_half_precision_is_near_and_not_equal(
    kind: str, model_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = import_benchmark("encoder_precision", monkeypatch)
    family = find_family(kind, {"model_type": model_type}, model_type)
    mean, least = benchmark.compare_family(family, "cpu", "bf16")
    assert 0.9 < least <= mean
    assert least < 1 - 1e-6  # bfloat16 has 8 bits, so equal tokens would be those of one precision
