"""Every method at its published size with random weights: a step of training, and its scores.

    python benchmarks/paper_scale.py [METHOD...]

On the CPU, one process a method, films rendered before. Of each method prints wall seconds and
the largest resident set of a whole `egoexobench run` on 12 pairs (4 a split), and the seconds of
its stages: `encode` decodes 24 clips and runs the frozen encoders, `train` is one step on 4 pairs
and an embedding of 4.
"""

from __future__ import annotations

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
"""DistilBERT's own is not in the repository; its embedding table, which is cheap, is smaller so."""
FILMS = "synthetic:train=4,val=4,test=4"
STAGES = ("encode", "train", "embed")


def main() -> None:
    """Print one line a method."""
    registry = Registry()
    known = {
        p.name: p for p in registry.list_parts("method") if "weights" in get_options(p.factory)
    }
    asked = sys.argv[1:] or list(known)
    print(f"{'method':22} {'seconds':>8} {'GiB':>6}  {'  '.join(STAGES)}")
    with tempfile.TemporaryDirectory() as home:
        _run(home, "egoexo:size=tiny")  # renders the films
        for name in asked:
            words = "vocabulary" in get_options(known[name].factory)
            vocabulary = {"vocabulary": VOCABULARY if words else None}
            seconds, peak, record = _run(home, str(Spec(name).add_options(vocabulary)))
            stages = "  ".join(
                f"{record['seconds'].get(stage, 0):{len(stage)}.1f}" for stage in STAGES
            )
            print(f"{name:22} {seconds:8.1f} {peak:6.2f}  {stages}", flush=True)


def _run(home: str, method: str) -> tuple[float, float, dict[str, dict[str, float]]]:
    """Wall seconds, peak GiB and record of a run in a process of its own."""
    command = [sys.executable, "-m", "egoexobench", "run", "--method", method, "--scale", "paper"]
    command += ["--dataset", FILMS, "--set", "epochs=1", "--set", "batch_size=4"]
    start = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [*command, "--json", "--out", f"{home}/runs"],
            stdout=output,
            env={**os.environ, "EGOEXOBENCH_CACHE": home},
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        if status:
            raise SystemExit(f"{method} did not run")
        output.seek(0)
        return seconds, usage.ru_maxrss / 2**20, json.load(output)


if __name__ == "__main__":
    main()
