"""Runs every method at its published size with random weights: one training step and its scores.

    python benchmarks/paper_scale.py [METHOD...] [--pairs 4] [--micro-batch N]

Each method runs on the CPU, in a process of its own, on media that were rendered before. The script
prints the wall seconds and the largest resident set of an `egoexobench run` on training, validation
and test splits of 4, 4 and 4 pairs, and the seconds of its stages: `encode` decodes 24 clips and
runs the frozen encoders, `train` is one step on the training pairs and an embedding of 4. With
`--micro-batch` the step embeds so many pairs at once, and the memory can be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from egoexobench.options import get_options
from egoexobench.registry import Registry
from egoexobench.spec import Spec

ROOT = Path(__file__).parents[1]
VOCABULARY = ROOT / "tests" / "plugins" / "distilbert_text" / "vocabulary.txt"
"""Smaller than DistilBERT's own, which is not in the repository; so is its embedding table."""
STAGES = ("encode", "train", "embed")


def main() -> None:
    """Print one line per method."""
    factories = {
        part.name: part.factory
        for part in Registry().list_parts("method")
        if "weights" in get_options(part.factory)
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("methods", nargs="*", metavar="METHOD", help="[all]")
    parser.add_argument("--pairs", type=int, default=4, help="of the training step [4]")
    parser.add_argument("--micro-batch", help="pairs that are embedded at once [all]")
    args = parser.parse_args()
    methods = args.methods or list(factories)
    options = ["--dataset", f"synthetic:train={args.pairs},val=4,test=4"]
    options += ["--set", f"batch_size={args.pairs}"]
    options += ["--micro-batch", args.micro_batch] if args.micro_batch else []
    print(f"{'method':22} {'seconds':>8} {'GiB':>6}  {'  '.join(STAGES)}")
    with tempfile.TemporaryDirectory() as cache:
        _run_method(cache, "egoexo:size=tiny", options[:2])  # renders the media
        for name in methods:
            needs_vocabulary = "vocabulary" in get_options(factories[name])
            files = {"vocabulary": VOCABULARY if needs_vocabulary else None}
            method = str(Spec(name).add_options(files))
            seconds, peak, record = _run_method(cache, method, options)
            stages = "  ".join(
                f"{record['seconds'].get(stage, 0):{len(stage)}.1f}" for stage in STAGES
            )
            print(f"{name:22} {seconds:8.1f} {peak:6.2f}  {stages}", flush=True)


def _run_method(
    cache: str, method: str, options: list[str]
) -> tuple[float, float, dict[str, dict[str, float]]]:
    """Wall seconds, peak GiB and record of a run in a process of its own."""
    command = [sys.executable, "-m", "egoexobench", "run", "--method", method, "--scale", "paper"]
    command += ["--set", "epochs=1", *options]
    start = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [*command, "--json", "--out", f"{cache}/runs"],
            stdout=output,
            env={**os.environ, "EGOEXOBENCH_CACHE": cache},
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        if status:
            raise SystemExit(f"the run of {method} failed")
        output.seek(0)
        return seconds, usage.ru_maxrss / 2**20, json.load(output)


if __name__ == "__main__":
    main()
