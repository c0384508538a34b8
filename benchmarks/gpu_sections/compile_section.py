"""`torch.compile` as `--compile` uses it: an encoder alone, and a training step of the release."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from egoexobench.device import DeviceConfig, autocast
from egoexobench.registry import Registry
from gpu_sections.clock import read_clock, time_call
from gpu_sections.training_section import BAR_LOSS, RELEASED, time_training

ENCODER = "timesformer:output=frames"
TINY_ENCODER = f"{ENCODER},image=32,width=32,depth=1,heads=2"
NUM_CLIPS, NUM_PAIRS, TINY_SIZE = 16, 32, 2
BAR_DIFFERENCE = 1e-4
"""Of tokens, as a share of the largest number."""


def measure_rows(device: str, *, is_tiny: bool) -> Iterator[dict[str, Any]]:
    """Yield seconds without and with compilation, and how far the results differ."""
    yield _compare_encoder(device, is_tiny=is_tiny)
    if is_tiny:  # to compile a backward pass takes a minute of a busy core
        return
    plain, loss = time_training(RELEASED, DeviceConfig(device), NUM_PAIRS, is_tiny=is_tiny)
    yield {"name": f"{RELEASED}, {NUM_PAIRS} pairs", **plain}
    config = DeviceConfig(device, compile=True)
    compiled, compiled_loss = time_training(RELEASED, config, NUM_PAIRS, is_tiny=is_tiny)
    difference = abs(compiled_loss / loss - 1)
    yield {
        "name": "the same compiled",
        **compiled,
        "ratio": compiled["step s"] / plain["step s"],
        "loss differs": difference,
        "passed": difference <= BAR_LOSS,
    }


@torch.inference_mode()
def _compare_encoder(device: str, *, is_tiny: bool) -> dict[str, Any]:
    encoder: Any = Registry().create("encoder", TINY_ENCODER if is_tiny else ENCODER)
    encoder.to(device)
    side = encoder.resolution
    shape = (TINY_SIZE if is_tiny else NUM_CLIPS, 4, side, side, 3)
    values = torch.randint(0, 256, shape, device=device).float()
    mask = torch.ones(shape[:2], dtype=torch.bool, device=device)
    compiled = torch.compile(encoder.encode)
    with autocast(DeviceConfig(device)):
        start = read_clock(device)
        result = compiled(values, mask).values
        first_seconds = read_clock(device) - start
        reference = encoder.encode(values, mask).values
        seconds = [
            time_call(lambda call=call: call(values, mask), device, min_seconds=0.2)
            for call in (compiled, encoder.encode)
        ]
    difference = float((result - reference).abs().max() / reference.abs().max())
    return {
        "name": "timesformer compiled",
        "first s": first_seconds,
        "batch s": seconds[0],
        "ratio": seconds[0] / seconds[1],
        "differs": difference,
        "passed": difference <= BAR_DIFFERENCE,
    }
