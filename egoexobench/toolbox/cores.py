"""The processor cores that this process may use."""

from __future__ import annotations

import os
import sys


def count_cores() -> int:
    """Return how many cores this process may use, at least 1.

    A job of a cluster, and a process with a core set of its own, may not use all of the machine.
    """
    if sys.platform.startswith("linux"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
