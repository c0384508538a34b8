"""Seconds and memory of opening a feature store with many items, in a process of its own.

    python benchmarks/store_open.py                  # 10^6 items; writing them takes a minute
    python benchmarks/store_open.py --items 100000 --rounds 5

The items are small: what a store reads when it opens does not depend on the size of their rows. The
bar for 10^6 items: 2 s and 300 MB.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from peak_memory import get_peak_mb

from egoexobench.features.feature_store import FeatureRows, FeatureStore

ITEMS_PER_FILE = 2900
"""As many as 256 MB of frames of a TimeSformer, or 345 files of a million items."""
SIGNATURE = {"benchmark": "store_open"}
BAR_SECONDS, BAR_MB = 2.0, 300


def write_store(root: Path, num_items: int) -> None:
    """Write a store with so many items of one row."""
    store = FeatureStore(root, SIGNATURE)
    row = np.zeros((1, 4), np.float32)
    for start in range(0, num_items, ITEMS_PER_FILE):
        keys = [f"{index:064x}" for index in range(start, min(start + ITEMS_PER_FILE, num_items))]
        store.put(keys, [FeatureRows(row, "decoded")] * len(keys))


def open_store(root: Path) -> None:
    """Open the store and print wall seconds, processor seconds and the memory that it adds, MB."""
    before = get_peak_mb()
    wall, processor = time.perf_counter(), time.process_time()
    store = FeatureStore(root, SIGNATURE)
    seconds = time.perf_counter() - wall, time.process_time() - processor
    added = get_peak_mb() - before
    print(len(store), *(f"{value:.3f}" for value in (*seconds, added)))


def main() -> None:
    """Write a store once, open it some times and print the worst of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.open:
        open_store(arguments.open)
        return
    with tempfile.TemporaryDirectory() as folder:
        write_store(Path(folder), arguments.items)
        FeatureStore(Path(folder), SIGNATURE)  # the first one writes the index
        worst = [0.0, 0.0, 0.0]
        for _ in range(arguments.rounds):
            command = [sys.executable, __file__, "--open", folder]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            count, *values = output.split()
            worst = [max(pair) for pair in zip(worst, map(float, values), strict=True)]
            print(f"{int(count):,} items: {values[0]} s, {values[1]} processor s, {values[2]} MB")
    holds = worst[0] <= BAR_SECONDS and worst[2] <= BAR_MB
    print(f"bar {BAR_SECONDS:g} s and {BAR_MB} MB: {'holds' if holds else 'FAILS'}")


if __name__ == "__main__":
    main()
