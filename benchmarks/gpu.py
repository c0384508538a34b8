"""Checks and times everything that computes on a GPU, on one CUDA device in under 5 minutes.

    pip install -e .                      # torch from PyPI has CUDA; nothing else is downloaded
    python benchmarks/gpu.py              # on the first CUDA device, or at tiny size on the CPU
    python benchmarks/gpu.py --only ranks training --json gpu.json

All weights and inputs are random. Each section runs in a process of its own with a limit of its
own, so that one that fails or hangs does not stop the others; what it has measured before counts.

encoders   every encoder, and every family by name, at tiny size: tokens in single precision beside
           the CPU (bar: 1e-4 of the largest number), cosine of tokens in bf16 and fp16
sizes      encoders of published size: the same, items a second in each precision, peak memory
training   a step of SoundBridge at paper scale with 128 pairs, whole and in micro-batches: pairs a
           second, peak memory, and the step of the release beside a loop in plain torch
compile    an encoder and a step of the release with `--compile`
ranks      65,536 queries among 10^6 candidates of 256 numbers, beside the bare matrix product
run        `egoexobench run --device cuda` and `verify` of its record, which uses the CPU
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1] / "tests"
LIMITS_S: Mapping[str, int] = {
    "encoders": 75,
    "sizes": 55,
    "training": 45,
    "compile": 70,
    "ranks": 20,
    "run": 30,
}
"""Name and time limit of each section on a GPU, in the order in which they run."""
CPU_LIMIT_FACTOR = 4
Row = dict[str, Any]


def import_section(name: str) -> Any:
    """Return the module of a section; small encoders are those of the tests."""
    folders = {str(path.parent) for path in TESTS.glob("**/*.py")}
    sys.path += sorted(folders - set(sys.path))
    return import_module(f"gpu_sections.{name}_section")


def run_section(name: str, device: str, *, is_tiny: bool) -> Iterator[Row]:
    """Run a section in a process of its own and yield its rows; the last one may be its failure."""
    command = [sys.executable, __file__, "--section", name, "--device", device]
    limit_s = LIMITS_S[name] * (CPU_LIMIT_FACTOR if device == "cpu" else 1)
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        try:
            status = subprocess.run(
                [*command, *(["--tiny"] if is_tiny else [])],
                stdout=output,
                stderr=errors,
                timeout=limit_s,
                check=False,
            ).returncode
            failure = f"ended with status {status}" if status else ""
        except subprocess.TimeoutExpired:
            failure = f"did not end within {limit_s} s"
        output.seek(0)
        errors.seek(0)
        lines = output.read().splitlines()
        yield from (json.loads(line) for line in lines if line.startswith("{"))
        if failure:
            reasons = errors.read().strip().splitlines()[-1:]
            yield {"name": name, "passed": False, "failure": ": ".join([failure, *reasons])}
    yield {"name": f"{name}: all", "seconds": round(time.perf_counter() - start, 1)}


def print_row(section: str, row: Row) -> None:
    """Print a row of results on one line."""
    verdict = {True: "ok", False: "FAILS", None: ""}[row.get("passed")]
    values = "  ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in row.items()
        if key not in ("name", "passed")
    )
    print(f"{section:9} {verdict:5} {row['name']:34} {values}", flush=True)


def describe_machine(device: str) -> Row:
    """Return what the figures were measured with."""
    import torch

    is_cuda = device.startswith("cuda")
    return {
        "name": "machine",
        "device": torch.cuda.get_device_name(device) if is_cuda else "CPU",
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "threads": torch.get_num_threads(),
    }


def choose_device() -> str:
    """Return the first CUDA device, or the CPU."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def main() -> None:
    """Run the sections, print a line for each result, and exit with 1 if one fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", help="cuda, cuda:N or cpu  [CUDA if there is a device]")
    parser.add_argument("--tiny", action="store_true", help="tiny sizes; always so on the CPU")
    parser.add_argument("--only", nargs="+", choices=LIMITS_S, default=list(LIMITS_S))
    parser.add_argument("--json", type=Path, help="write all results to this file")
    parser.add_argument("--section", choices=LIMITS_S, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    device = arguments.device or choose_device()
    is_tiny = arguments.tiny or device == "cpu"
    if arguments.section:
        for row in import_section(arguments.section).measure_rows(device, is_tiny=is_tiny):
            print(json.dumps(row), flush=True)
        return
    results: dict[str, list[Row]] = {"machine": [describe_machine(device)]}
    print_row("", results["machine"][0])
    for name in arguments.only:
        results[name] = []
        for row in run_section(name, device, is_tiny=is_tiny):
            results[name].append(row)
            print_row(name, row)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    num_failed = sum(row.get("passed") is False for rows in results.values() for row in rows)
    print(f"{num_failed} failures")
    sys.exit(num_failed > 0)


if __name__ == "__main__":
    main()
