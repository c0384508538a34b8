"""Times pictures for training: worker processes next to one thread, and 8 bits next to float16.

    python benchmarks/picture_workers.py [--clips 64] [--workers 0 1 2] [--rounds 3]

Clips are 4 frames of 10 s at 640x480, cropped at random and prepared for a TimeSformer of 224
pixels. The script prints, for each number of workers, pictures per second of the clock, processor
milliseconds a clip, the part of them that the training process itself spends (it reads pipes), and
the time until the first clip (the start of a worker). Then it prints bytes of a clip, and the time
to make a batch of stored rows, as uint8 and as float16.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
from decode import write_clip

from egoexobench.data.augmentation import get_augmentation
from egoexobench.features.encoder_runner import EncoderRunner
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_file import FeatureRows
from egoexobench.features.picture_decoder import PictureDecoder
from egoexobench.features.picture_loader import PictureLoader, split_requests
from egoexobench.registry import Registry
from egoexobench.spec import Spec
from egoexobench.types import Clip

NUM_FRAMES, SECONDS = 4, 10
ENCODER = "timesformer:system=egoexo,trained=true,depth=1"


class Timing(NamedTuple):
    """Seconds of the clock, and processor seconds of this process and of ended workers."""

    clock: float
    own: float
    workers: float


@contextmanager
def measure(timings: list[Timing]) -> Iterator[None]:
    """Append what the block takes; workers count when they have ended."""
    start, own, children = time.perf_counter(), _sum(resource.RUSAGE_SELF), _sum_children()
    yield
    timings.append(
        Timing(
            time.perf_counter() - start,
            _sum(resource.RUSAGE_SELF) - own,
            _sum_children() - children,
        )
    )


def _sum(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def _sum_children() -> float:
    return _sum(resource.RUSAGE_CHILDREN)


def make_decoder() -> PictureDecoder:
    """Return a decoder with the augmentation of EgoExoLearn."""
    encoder = Registry().create("encoder", Spec.parse(ENCODER))
    runner = EncoderRunner(encoder, "benchmark")
    return PictureDecoder(
        {"video": runner},
        num_frames=NUM_FRAMES,
        sampling="egoexolearn",
        augmentation=get_augmentation("egoexolearn"),
        seed=0,
    )


def time_epochs(decoder: PictureDecoder, clips: list[Clip], num_workers: int, rounds: int) -> None:
    """Print the speed of one number of workers: a start, then epochs."""
    starts: list[Timing] = []
    everything: list[Timing] = []
    epochs: list[Timing] = []
    with measure(everything), PictureLoader(decoder, num_workers) as loader:
        with measure(starts):
            list(loader.load(split_requests("video", clips[:1], 0)))
        for epoch in range(rounds):
            with measure(epochs):
                list(loader.load(split_requests("video", clips, epoch + 1)))
    clock, own = median(t.clock for t in epochs), median(t.own for t in epochs)
    cpu = (everything[0].workers + sum(t.own for t in epochs)) / (rounds * len(clips) + 1)
    print(
        f"{num_workers} workers: {len(clips) * NUM_FRAMES / clock:7.1f} pictures/s, "
        f"{1e3 * cpu:6.1f} CPU ms a clip with the start, of it {1e3 * own / len(clips):6.2f} "
        f"in this process, first clip after {starts[0].clock:.1f} s"
    )


def time_batches(rows: list[np.ndarray], rounds: int) -> None:
    """Print bytes of a clip, and the time to make a batch of stored rows."""
    names = [str(index) for index in range(len(rows))]
    for dtype in (np.uint8, np.float16):
        bank = FeatureBank(names, [FeatureRows(row.astype(dtype), "decoded") for row in rows])
        timings: list[Timing] = []
        for _ in range(rounds):
            with measure(timings):
                values = bank.batch(names).values
        own = median(t.own for t in timings)
        print(
            f"{np.dtype(dtype).name:8}: {rows[0].astype(dtype).nbytes:,} bytes a stored clip, "
            f"{values.nbytes / len(rows):,.0f} to the device, {1e3 * own / len(rows):.2f} CPU ms "
            "a clip to make a batch"
        )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    decoder = make_decoder()
    with tempfile.TemporaryDirectory() as folder:
        film = write_clip(Path(folder) / "film.mp4", SECONDS, 1)
        clips = [
            Clip(str(i), "ego", str(film), 0, end=None, narration="", take="")
            for i in range(arguments.clips)
        ]
        for num_workers in arguments.workers:
            time_epochs(decoder, clips, num_workers, arguments.rounds)
        (first, *_) = PictureLoader(decoder, 0).load(split_requests("video", clips[:8], 1))
    time_batches([item.rows for item in first.values()] * 8, max(arguments.rounds, 5))


if __name__ == "__main__":
    main()
