"""A run on the device from the command line, and the verification of its record on the CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

DATASET = "synthetic:train=48,val=16,test=16"
TINY_DATASET = "synthetic:train=4,val=4,test=4,seconds=2,pixels=32"


def measure_rows(device: str, *, is_tiny: bool) -> Iterator[dict[str, Any]]:
    """Yield the seconds of the run with its stages, and whether its record is verified."""
    dataset = TINY_DATASET if is_tiny else DATASET
    options = ["--method", "soundbridge", "--dataset", dataset, "--device", device, "--json"]
    with tempfile.TemporaryDirectory() as folder:
        run = _call_command(folder, ["run", *options, "--task", "all", "--out", f"{folder}/runs"])
        yield run
        if run["passed"]:
            yield _call_command(folder, ["verify", f"{folder}/runs"])


def _call_command(folder: str, arguments: list[str]) -> dict[str, Any]:
    start = time.perf_counter()
    process = subprocess.run(
        [sys.executable, "-m", "egoexobench", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "EGOEXOBENCH_CACHE": f"{folder}/cache"},
        check=False,
    )
    row: dict[str, Any] = {"name": arguments[0], "passed": process.returncode == 0}
    row["seconds"] = time.perf_counter() - start
    if process.returncode:
        return row | {"failure": process.stderr.strip().splitlines()[-1:]}
    if "--json" in arguments:
        record = json.loads(process.stdout)
        row |= {f"{stage} s": seconds for stage, seconds in record["seconds"].items()}
        row["device"] = record["environment"]["device"]
    return row
