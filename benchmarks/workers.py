"""Times an extraction by two jobs at once beside the same two jobs one after the other.

    python benchmarks/workers.py [CLIPS] [ROUNDS]

Each job has one core. A portion is a complete command, so both ways pay two starts of Python and
torch. The films are rendered before. The script prints medians over rounds of both ratios, the
seconds of a job with next to no clips, and their part of a portion of 5 minutes.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import egoexobench
from egoexobench.progress import NullProgress
from egoexobench.toolbox.job_process import list_cores

ENCODERS = ("color-grid", "logmel")
PORTION_SECONDS = 300.0


class Seconds(NamedTuple):
    """Of a command with its jobs."""

    wall: float
    processor: float


def main() -> None:
    """Print one line for each ratio."""
    num_clips = int(sys.argv[1]) if len(sys.argv) > 1 else 1_024
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    cores = list_cores()
    if len(cores) < 2:
        sys.exit("two jobs need two cores")
    spec, small = (f"synthetic:train={n},val=4,test=4" for n in (num_clips // 2 - 8, 4))
    for name in (spec, small):
        egoexobench.Registry().create("dataset", name).prepare(NullProgress())
    wall, processor, starts = [], [], []
    for _ in range(rounds):
        in_turn = extract(spec, at_once=1, cores=cores[:1])
        at_once = extract(spec, at_once=2, cores=cores[:2])
        wall.append(in_turn.wall / at_once.wall)
        processor.append(at_once.processor / in_turn.processor)
        starts.append(extract(small, at_once=1, cores=cores[:1]))
    start = statistics.median(seconds.processor for seconds in starts) / 3  # two jobs, one command
    print(f"two jobs at once: {statistics.median(wall):.2f} times as fast (bar 1.8)")
    print(f"processor seconds: {statistics.median(processor):.3f} times those of one (bar 1.05)")
    print(
        f"start of a job: {start:.1f} processor s, {start / PORTION_SECONDS:.1%} of "
        f"{PORTION_SECONDS:.0f} s (bar 5 %)"
    )


def extract(spec: str, *, at_once: int, cores: tuple[int, ...]) -> Seconds:
    """Extract into a new folder in two portions, on some cores."""
    encoders = [word for name in ENCODERS for word in ("--encoder", name)]
    launcher = f"local:gpus=0,portions=2,at_once={at_once}"
    before, start = measure_children(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "egoexobench", "extract", spec, *encoders]
        subprocess.run(
            [*command, "--on", launcher, "--out", str(Path(folder, "tokens"))],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )
    return Seconds(time.perf_counter() - start, measure_children() - before)


def measure_children() -> float:
    """Processor seconds of all processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
