"""A training step of SoundBridge at paper scale with `--compile`, beside one without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from egoexobench.device import DeviceConfig
from gpu_sections.training_section import BAR_LOSS, METHOD, time_training

BATCH_SIZE, TINY_BATCH_SIZE = 32, 2


def measure_rows(device: str, *, is_tiny: bool) -> Iterator[dict[str, Any]]:
    """Yield seconds of a step without and with compiled networks, and how far the losses differ."""
    size = TINY_BATCH_SIZE if is_tiny else BATCH_SIZE
    plain, loss = time_training(METHOD, DeviceConfig(device), size, is_tiny=is_tiny)
    yield {"name": f"{METHOD}, {size} pairs", **plain}
    config = DeviceConfig(device, compile=True)
    compiled, compiled_loss = time_training(METHOD, config, size, is_tiny=is_tiny)
    difference = abs(compiled_loss / loss - 1)
    yield {
        "name": "the same compiled",
        **compiled,
        "ratio": compiled["step s"] / plain["step s"],
        "loss differs": difference,
        "passed": difference <= BAR_LOSS,
    }
