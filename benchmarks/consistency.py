"""Times the check of every run: what it adds to the default run, and what the rest of it takes.

    python benchmarks/consistency.py [ROUNDS]

Each round makes the default run of the README with empty caches in a new process, and prints the
seconds of its stages. The bar holds for the median of the rounds.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile

COMMAND = ("-m", "egoexobench", "run", "--method", "soundbridge", "--json")
MAX_RATIO = 0.03
"""Part of the run that the check may take."""


def main() -> None:
    """Print the ratio of each round and the median."""
    num_rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    ratios = [time_round() for _ in range(num_rounds)]
    print(f"median {100 * statistics.median(ratios):.2f} % (bar {100 * MAX_RATIO:.0f} %)")


def time_round() -> float:
    """Make one run; return the part of its seconds that the check takes."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as cache:
        process = subprocess.run(
            [sys.executable, *COMMAND, "--out", f"{cache}/runs"],
            check=True,
            capture_output=True,
            env={**os.environ, "EGOEXOBENCH_CACHE": cache},
        )
    record = json.loads(process.stdout)
    seconds = record["seconds"]
    ratio: float = seconds["check"] / sum(seconds.values())
    print(
        f"check {seconds['check']:.2f} s of {sum(seconds.values()):.1f} s: {100 * ratio:.2f} % "
        f"(load {load:.1f})  {seconds}  {record['consistency']}",
        flush=True,
    )
    return ratio


if __name__ == "__main__":
    main()
