"""The README's first command: caches empty, tokens cached, and the same run again.

    python benchmarks/pipeline.py [ROUNDS]

Whole processes; prints wall seconds (median), peak memory, and the seconds of each stage.
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
BARS = {"caches empty": 60, "films and tokens cached": 20, "the same run again": 5}


def main() -> None:
    """Print one line a state of the caches."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    taken: dict[str, list[float]] = {name: [] for name in BARS}
    stages: dict[str, dict[str, float]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as home:
            for name in BARS:
                if name == "films and tokens cached":
                    shutil.rmtree(Path(home) / "weights")
                start = time.perf_counter()
                done = subprocess.run(
                    [sys.executable, *COMMAND, "--out", f"{home}/runs"],
                    check=True,
                    capture_output=True,
                    env={**os.environ, "EGOEXOBENCH_CACHE": home},
                )
                taken[name].append(time.perf_counter() - start)
                stages[name] = json.loads(done.stdout)["seconds"]
    for name, times in taken.items():
        print(f"{name:24} {statistics.median(times):6.1f} s (bar {BARS[name]})  {stages[name]}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"peak memory of one process {peak:.2f} GiB (bar 3)")


if __name__ == "__main__":
    main()
