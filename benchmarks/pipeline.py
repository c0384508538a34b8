"""Times the first command of the README: with empty caches, with cached features, and repeated.

    python benchmarks/pipeline.py [ROUNDS]

The commands run as processes. The script prints the median wall seconds, the seconds of each stage
and the peak memory.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = ["-m", "egoexobench", "run", "--method", "soundbridge", "--task", "eg2ex", "--json"]
MAX_SECONDS = {"empty caches": 60, "cached features": 20, "repeated": 5}
"""State of the caches to the bar on 2 idle cores."""
MAX_MEMORY_GIB = 3


def main() -> None:
    """Print one line per state of the caches."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    times: dict[str, list[float]] = {state: [] for state in MAX_SECONDS}
    stages: dict[str, dict[str, float]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            for state in MAX_SECONDS:
                if state == "cached features":
                    shutil.rmtree(Path(cache) / "weights")
                start = time.perf_counter()
                process = subprocess.run(
                    [sys.executable, *COMMAND, "--out", f"{cache}/runs"],
                    check=True,
                    capture_output=True,
                    env={**os.environ, "EGOEXOBENCH_CACHE": cache},
                )
                times[state].append(time.perf_counter() - start)
                stages[state] = json.loads(process.stdout)["seconds"]
    for state, values in times.items():
        median = statistics.median(values)
        print(f"{state:16} {median:6.1f} s (bar {MAX_SECONDS[state]})  {stages[state]}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"peak memory of one process {peak:.2f} GiB (bar {MAX_MEMORY_GIB})")


if __name__ == "__main__":
    main()
