"""Times `egoexobench verify` on records, and the checks of every command that reads them."""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

from egoexobench.records.store import list_records, read_record


def time_verification(path: Path) -> tuple[float, float]:
    """Return wall seconds, and seconds of the processor in all processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "egoexobench", "verify", str(path)], check=True)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used


def time_reading(path: Path) -> float:
    """Return the seconds of the processor that reading takes after the first time."""
    for record in list_records([path]):
        read_record(record)
    start = time.process_time()
    for record in list_records([path]):
        read_record(record)
    return time.process_time() - start


def main() -> None:
    """Print both times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="a record, or a folder with records")
    path = parser.parse_args().path
    seconds, used = time_verification(path)
    print(f"verify: {seconds:.2f} s, {used:.2f} s of the processor")
    print(f"read:   {time_reading(path):.3f} s of the processor")


if __name__ == "__main__":
    main()
