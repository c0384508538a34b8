"""The peak memory of this process."""

from __future__ import annotations

import resource
from pathlib import Path


def get_peak_mb() -> float:
    """Return the largest resident set until now, in MB of 2^20 bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux ru_maxrss starts from that of the process that started this one
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
