"""Time and memory on a device."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

BYTES_PER_GIB = 2**30


def wait_for_device(device: str) -> None:
    """Wait until the device has computed everything."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def read_clock(device: str) -> float:
    """Return the seconds of the clock when the device has computed everything."""
    wait_for_device(device)
    return time.perf_counter()


def time_call(call: Callable[[], object], device: str, *, min_seconds: float = 0.5) -> float:
    """Return the mean seconds of a call, after one that is not timed."""
    call()
    count, start = 0, read_clock(device)
    while (seconds := read_clock(device) - start) < min_seconds or not count:
        call()
        count += 1
    return seconds / count


def reset_peak(device: str) -> None:
    """Forget the peak memory until now."""
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def get_peak_gib(device: str) -> float | None:
    """Return the peak memory of the device since it was reset; None on the CPU."""
    if not device.startswith("cuda"):
        return None
    return torch.cuda.max_memory_allocated(device) / BYTES_PER_GIB
