"""Times stored features: files read through a memory map, next to a bare copy and a file per clip.

    python benchmarks/store.py --clips 2000 --rounds 7

A clip has the size of 8 frames and 10 s of audio with 768 features in half precision: 8 x 768 and
50 x 768, 89 KB in two stores. Writing is timed before and after the disk has the data. Reading
copies both arrays of a clip at a time, in random order, with the files in the page cache. The
methods take turns in each round, so that other load on the machine affects all of them alike. The
last table is the first use of a store in a process, when rows are compared with their checksums:
every row is copied once, or given out once in batches in single precision, as training reads it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from egoexobench.features import feature_file
from egoexobench.features.encode_clips import ITEMS_PER_FILE
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_file import FeatureRows, StoredItem, write_feature_file
from egoexobench.features.feature_store import FeatureStore

FLOOR = "bare copy"
SHARDED = "feature store"
CHECKED = "feature store, first use"
PER_CLIP = "a .npy per clip"
SHAPES = ((8, 768), (50, 768))
ClipFeatures = list[NDArray[np.float16]]


class CallDuration(NamedTuple):
    """Seconds of the clock and of the processor, which other processes and the disk do not use."""

    wall: float
    processor: float

    def combine(self, other: CallDuration) -> CallDuration:
        """Return the sum of both."""
        return CallDuration(self.wall + other.wall, self.processor + other.processor)


def make_features(num_clips: int) -> list[ClipFeatures]:
    """Return random features of each clip."""
    rng = np.random.default_rng(0)
    return [
        [rng.standard_normal(shape, np.float32).astype(np.float16) for shape in SHAPES]
        for _ in range(num_clips)
    ]


def time_call(work: Callable[[], object]) -> CallDuration:
    """Return the duration of one call."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return CallDuration(time.perf_counter() - wall, time.process_time() - processor)


def copy_arrays(features: list[ClipFeatures]) -> None:
    """Copy every byte once, one array at a time: no reader can be faster."""
    for clip in features:
        for array in clip:
            np.copy(array)


def concatenate_arrays(features: list[ClipFeatures]) -> None:
    """Copy every byte once into one new block of memory: no writer can be faster."""
    np.concatenate([array.ravel() for clip in features for array in clip])


def write_stores(features: list[ClipFeatures], folder: Path) -> None:
    """Write the files of two stores as `FeatureStore.put` does, without waiting for the disk."""
    for modality in range(len(SHAPES)):
        for start, block in _iter_blocks(features):
            path = folder / f"{modality}-{start}.safetensors"
            keys = [str(start + i) for i in range(len(block))]
            rows = [FeatureRows(clip[modality], "decoded") for clip in block]
            write_feature_file(path, list(map(StoredItem, keys, rows)))


def write_arrays(features: list[ClipFeatures], folder: Path) -> None:
    """Write one file per clip."""
    for i, clip in enumerate(features):
        np.save(folder / f"{i}.npy", np.concatenate(clip))


def flush_files(paths: list[Path]) -> None:
    """Wait until the disk has every file."""
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())


def time_writing(
    features: list[ClipFeatures], root: Path, rounds: int
) -> dict[str, list[CallDuration]]:
    """Return the duration of each round of each method."""
    durations: dict[str, list[CallDuration]] = {}
    for turn in range(-1, rounds):
        times = {FLOOR: time_call(partial(concatenate_arrays, features))}
        for name, write in {SHARDED: write_stores, PER_CLIP: write_arrays}.items():
            folder = Path(tempfile.mkdtemp(dir=root))
            times[name] = time_call(partial(write, features, folder))
            flushing = time_call(partial(flush_files, sorted(folder.iterdir())))
            times[f"{name}, on disk"] = times[name].combine(flushing)
            shutil.rmtree(folder)
        if turn >= 0:
            for name, duration in times.items():
                durations.setdefault(name, []).append(duration)
    return durations


def time_reading(
    features: list[ClipFeatures], root: Path, rounds: int
) -> dict[str, list[CallDuration]]:
    """Return the duration of each round of each method."""
    stores = _open_stores(root)
    for modality, store in enumerate(stores):
        for start, block in _iter_blocks(features):
            keys = [str(start + i) for i in range(len(block))]
            store.put(keys, [FeatureRows(clip[modality], "decoded") for clip in block])
    files = root / "files"
    files.mkdir()
    write_arrays(features, files)
    order = np.random.default_rng(1).permutation(len(features)).tolist()
    names = [str(i) for i in order]

    def read_stores() -> None:
        for name in names:
            for store in stores:
                np.copy(store[name].rows)

    def read_arrays() -> None:
        for name in names:
            np.load(files / f"{name}.npy")

    methods: dict[str, Callable[[], object]] = {
        FLOOR: partial(copy_arrays, [features[i] for i in order]),
        SHARDED: read_stores,
        PER_CLIP: read_arrays,
    }
    durations: dict[str, list[CallDuration]] = {name: [] for name in methods}
    for turn in range(-1, rounds):
        for name, read in methods.items():
            duration = time_call(read)
            if turn >= 0:
                durations[name].append(duration)
    return durations


def time_first_use(
    num_clips: int, root: Path, rounds: int
) -> dict[str, dict[str, list[CallDuration]]]:
    """Return the duration of each round of each method, without and with the check, by consumer.

    The stores are those of `time_reading`.
    """
    keys = [str(i) for i in range(num_clips)]
    order = np.random.default_rng(1).permutation(num_clips).tolist()
    batches = [[str(i) for i in order[start : start + 64]] for start in range(0, num_clips, 64)]

    def copy_rows(bank: FeatureBank) -> None:
        for i in order:
            np.copy(bank.rows[i])

    def make_batches(bank: FeatureBank) -> None:
        for batch in batches:
            bank.batch(batch)

    def read_all(consume: Callable[[FeatureBank], None]) -> None:
        for store in _open_stores(root):
            store.find_missing(keys)
            consume(FeatureBank(keys, [store[key] for key in keys]))

    durations: dict[str, dict[str, list[CallDuration]]] = {}
    is_intact = feature_file.is_intact
    for turn in range(-1, rounds):
        for name, consume in {"copies": copy_rows, "batches": make_batches}.items():
            table = durations.setdefault(name, {FLOOR: [], CHECKED: []})
            for method, check in {FLOOR: lambda *_: True, CHECKED: is_intact}.items():
                feature_file.is_intact = check
                duration = time_call(partial(read_all, consume))
                if turn >= 0:
                    table[method].append(duration)
    return durations


def _open_stores(root: Path) -> list[FeatureStore]:
    return [FeatureStore(root / "stores", {"modality": i}) for i in range(len(SHAPES))]


def _iter_blocks(features: list[ClipFeatures]) -> Iterator[tuple[int, list[ClipFeatures]]]:
    """Index of the first clip, and the clips, of each file."""
    for start in range(0, len(features), ITEMS_PER_FILE):
        yield start, features[start : start + ITEMS_PER_FILE]


def print_table(durations: dict[str, list[CallDuration]], unit: str, amount: float) -> None:
    """Print median rates, and the time divided by that of the bare copy of the same round."""
    print(f"| method | {unit}, wall | / bare copy | {unit}, processor | / bare copy |")
    print("|---|---|---|---|---|")
    for name, of_method in durations.items():
        pairs = list(zip(of_method, durations[FLOOR], strict=True))
        wall = median(duration.wall for duration in of_method)
        wall_ratio = median(duration.wall / floor.wall for duration, floor in pairs)
        processor = median(duration.processor for duration in of_method)
        processor_ratio = median(duration.processor / floor.processor for duration, floor in pairs)
        print(
            f"| {name} | {amount / wall:,.0f} | {wall_ratio:.2f} "
            f"| {amount / processor:,.0f} | {processor_ratio:.2f} |"
        )


def main() -> None:
    """Print the rates of writing and reading."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="folder on the disk to measure")
    arguments = parser.parse_args()
    features, rounds = make_features(arguments.clips), arguments.rounds
    size = sum(array.nbytes for clip in features for array in clip) / 1e6
    print(f"{arguments.clips} clips, {size:.0f} MB, {rounds} rounds, NumPy {np.__version__}\n")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        print_table(time_writing(features, Path(name), rounds), "MB/s written", size)
        print()
        print_table(time_reading(features, Path(name), rounds), "clips/s read", arguments.clips)
        for consumer, durations in time_first_use(len(features), Path(name), rounds).items():
            print(
                f"\nFirst use as {consumer}; here the first line is the same without the check:\n"
            )
            print_table(durations, "clips/s read", arguments.clips)


if __name__ == "__main__":
    main()
