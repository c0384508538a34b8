"""Times commands, imports and a first training step, next to an empty interpreter.

    python benchmarks/startup.py

The commands run as processes, in turns, for 15 rounds. The script prints medians in ms and the
ratio to an empty interpreter.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 15
FLOOR = "python -c pass"
STEP = """
import torch
import {0}
weight = torch.nn.Parameter(torch.ones(1))
optimizer = {0}.{1}([weight])
weight.sum().backward()
optimizer.step()
"""
COMMANDS = {
    FLOOR: ["-c", "pass"],
    "import click": ["-c", "import click"],
    "import egoexobench": ["-c", "import egoexobench"],
    "import torch": ["-c", "import torch"],
    "a step of torch's AdamW": ["-c", STEP.format("torch.optim", "AdamW")],
    "a step of the harness's AdamW": [
        "-c",
        STEP.format("egoexobench.training.optimizer", "UncompiledAdamW"),
    ],
    "egoexobench --help": ["-m", "egoexobench", "--help"],
    "egoexobench list": ["-m", "egoexobench", "list"],
    "egoexobench list method": ["-m", "egoexobench", "list", "method"],
    "egoexobench show method soundbridge": ["-m", "egoexobench", "show", "method", "soundbridge"],
}


def main() -> None:
    """Print one line per command."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(ROUNDS + 1):
        for name, arguments in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
            if turn:  # the first round fills the disk cache
                times[name].append(1e3 * (time.perf_counter() - start))
    floor = statistics.median(times[FLOOR])
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:36} {median:7.0f} ms  {median / floor:6.1f}x  (least {min(values):.0f})")


if __name__ == "__main__":
    main()
