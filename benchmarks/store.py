"""What stored features cost: shards read by memory map, beside a bare copy and a file a clip.

    python benchmarks/store.py --clips 2000 --rounds 7

A clip is what 8 frames and 10 s of sound become at 768 features in half precision: 8 x 768 and
50 x 768, 89 KB in two stores. Writing is timed before and after the disk has it; reading copies
both arrays of one clip at a time, in random order, with the files in the page cache. Methods take
turns within each round, so that a busy machine hurts all of them alike.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from egoexobench.features import feature_file
from egoexobench.features.encode_clips import ITEMS_PER_FILE
from egoexobench.features.feature_file import FeatureRows
from egoexobench.features.feature_store import FeatureStore

FLOOR = "bare copy"
SHAPES = ((8, 768), (50, 768))
Features = list[NDArray[np.float16]]


def made(clips: int) -> list[Features]:
    """Random features by clip."""
    rng = np.random.default_rng(0)
    return [
        [rng.standard_normal(shape, np.float32).astype(np.float16) for shape in SHAPES]
        for _ in range(clips)
    ]


class Taken(NamedTuple):
    """Seconds on the wall, and of the processor: other processes and the disk do not count."""

    wall: float
    processor: float


def taken(work: Callable[[], object]) -> Taken:
    """Seconds of one call."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return Taken(time.perf_counter() - wall, time.process_time() - processor)


def copied(features: list[Features]) -> None:
    """Every byte once, an array at a time: what a reader cannot be faster than."""
    for clip in features:
        for one in clip:
            np.copy(one)


def joined(features: list[Features]) -> None:
    """Every byte once, into one new block of memory: what a writer cannot be faster than."""
    np.concatenate([one.ravel() for clip in features for one in clip])


def shards(features: list[Features], folder: Path) -> None:
    """The files of two stores, as `Store.put` writes them, before the disk has them."""
    for side in range(len(SHAPES)):
        for start in range(0, len(features), ITEMS_PER_FILE):
            block = features[start : start + ITEMS_PER_FILE]
            path = folder / f"{side}-{start}.safetensors"
            keys = [str(start + i) for i in range(len(block))]
            feature_file.write_feature_file(
                path, keys, [FeatureRows(clip[side], "decoded") for clip in block]
            )


def arrays(features: list[Features], folder: Path) -> None:
    """A file a clip."""
    for i, clip in enumerate(features):
        np.save(folder / f"{i}.npy", np.concatenate(clip))


def flushed(paths: list[Path]) -> None:
    """Wait until the disk has every file."""
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())


def writing(features: list[Features], root: Path, rounds: int) -> dict[str, list[Taken]]:
    """What each round of each method took."""
    found: dict[str, list[Taken]] = {}
    for turn in range(-1, rounds):
        times = {FLOOR: taken(partial(joined, features))}
        for name, write in {"shards": shards, "a .npy a clip": arrays}.items():
            folder = Path(tempfile.mkdtemp(dir=root))
            times[name] = taken(partial(write, features, folder))
            disk = taken(partial(flushed, sorted(folder.iterdir())))
            whole = (one + other for one, other in zip(times[name], disk, strict=True))
            times[f"{name}, on disk"] = Taken(*whole)
            shutil.rmtree(folder)
        if turn >= 0:
            for name, value in times.items():
                found.setdefault(name, []).append(value)
    return found


def reading(features: list[Features], root: Path, rounds: int) -> dict[str, list[Taken]]:
    """What each round of each method took."""
    stores = [FeatureStore(root / "stores", {"side": side}) for side in range(len(SHAPES))]
    for side, store in enumerate(stores):
        for start in range(0, len(features), ITEMS_PER_FILE):
            block = features[start : start + ITEMS_PER_FILE]
            keys = [str(start + i) for i in range(len(block))]
            store.put(keys, [FeatureRows(clip[side], "decoded") for clip in block])
    files = root / "files"
    files.mkdir()
    arrays(features, files)
    order = np.random.default_rng(1).permutation(len(features)).tolist()
    names = [str(i) for i in order]

    def ours() -> None:
        for name in names:
            for store in stores:
                np.copy(store[name].rows)

    def theirs() -> None:
        for name in names:
            np.load(files / f"{name}.npy")

    shuffled = [features[i] for i in order]
    methods: dict[str, Callable[[], object]] = {
        FLOOR: partial(copied, shuffled),
        "shards": ours,
        "a .npy a clip": theirs,
    }
    found: dict[str, list[Taken]] = {name: [] for name in methods}
    for turn in range(-1, rounds):
        for name, read in methods.items():
            times = taken(read)
            if turn >= 0:
                found[name].append(times)
    return found


def table(found: dict[str, list[Taken]], unit: str, amount: float) -> None:
    """Print a line a method: median rates, and time over that of the bare copy of its round."""
    print(f"| method | {unit}, wall | / bare copy | {unit}, processor | / bare copy |")
    print("|---|---|---|---|---|")
    for name, every in found.items():
        cells = []
        for side in ("wall", "processor"):
            one = [getattr(times, side) for times in every]
            floor = [getattr(times, side) for times in found[FLOOR]]
            ratio = median(a / b for a, b in zip(one, floor, strict=True))
            cells.append(f"{amount / median(one):,.0f} | {ratio:.2f}")
        print(f"| {name} | {' | '.join(cells)} |")


def main() -> None:
    """Print what writing and reading cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="On the disk that is meant.")
    asked = parser.parse_args()
    features = made(asked.clips)
    size = sum(one.nbytes for clip in features for one in clip) / 1e6
    print(f"{asked.clips} clips, {size:.0f} MB, {asked.rounds} rounds, NumPy {np.__version__}\n")
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        table(writing(features, Path(name), asked.rounds), "MB/s written", size)
        print()
        table(reading(features, Path(name), asked.rounds), "clips/s read", asked.clips)


if __name__ == "__main__":
    main()
