"""Times extraction beside the sequential way, which decodes a batch and then encodes it.

    python benchmarks/overlap.py [CLIPS] [ROUNDS]

The encoder waits as long as a GPU that computes would: half as long, as long and twice as long as
decoding takes. The bound is the longer of decoding and encoding, since neither can be hidden. The
script prints medians of the ratios to the bound in the same round, and the clips that were decoded
and not yet encoded when a forward pass began.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

import egoexobench
from egoexobench import Frames, Tokens
from egoexobench.features.batch_plan import ENCODING_PLAN
from egoexobench.features.encode_clips import ITEMS_PER_FILE, decode_and_prepare, encode_clips
from egoexobench.features.encoder_runner import EncoderRunner, encode_arrays
from egoexobench.progress import NullProgress
from egoexobench.toolbox.cores import count_cores
from egoexobench.types import Clip

SAMPLING = "egoexolearn"
NUM_FRAMES = 8
SHARES = (0.5, 1.0, 2.0)
"""Seconds of encoding, as a multiple of those of decoding."""


class WaitingEncoder:
    """A frozen encoder whose forward pass takes a fixed time a clip and no core."""

    modality, frozen, dim = "video", True, 3

    def __init__(self) -> None:
        self.seconds = 0.0
        self.num_prepared, self.num_encoded = 0, 0
        self.max_waiting = 0

    def prepare(self, source: Frames) -> np.ndarray:
        """Return one row for each frame."""
        self.num_prepared += 1
        return source.pixels.mean((1, 2)).astype(np.float32)

    def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
        """Wait."""
        self.max_waiting = max(self.max_waiting, self.num_prepared - self.num_encoded)
        time.sleep(self.seconds * len(values))
        self.num_encoded += len(values)
        return Tokens(values, mask)


def main() -> None:
    """Print one line for each share."""
    num_clips = int(sys.argv[1]) if len(sys.argv) > 1 else 192
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    dataset = egoexobench.Registry().create(
        "dataset", f"synthetic:train={num_clips // 2},val=8,test=8"
    )
    dataset.prepare(NullProgress())
    clips = list(dataset.clips("train"))
    decode_alone(clips, WaitingEncoder())  # fills the cache of the disk
    for share in SHARES:
        ratios: dict[str, list[float]] = {"sequential": [], "overlapped": []}
        waiting = dict.fromkeys(ratios, 0)
        for _ in range(rounds):
            decoding = measure(decode_alone, clips, WaitingEncoder())
            for name, extract in (
                ("sequential", encode_in_turns),
                ("overlapped", encode_overlapped),
            ):
                encoder = WaitingEncoder()
                encoder.seconds = share * decoding / len(clips)
                ratios[name].append(measure(extract, clips, encoder) / (max(1, share) * decoding))
                waiting[name] = max(waiting[name], encoder.max_waiting)
        for name, values in ratios.items():
            print(
                f"encoding takes {share:3.1f} x decoding  {name:10}  "
                f"{statistics.median(values):5.2f} x the bound, at most {waiting[name]} clips wait"
            )


def measure(function, clips: Sequence[Clip], encoder: WaitingEncoder) -> float:
    """Return the seconds of a call."""
    start = time.perf_counter()
    function(clips, encoder)
    return time.perf_counter() - start


def decode_alone(clips: Sequence[Clip], encoder: WaitingEncoder) -> list:
    """Decode all clips in a thread for each core."""
    runners = {"video": EncoderRunner(encoder, "waiting")}
    with ThreadPoolExecutor(count_cores()) as pool:
        decoded = pool.map(
            lambda clip: decode_and_prepare(clip, runners, NUM_FRAMES, SAMPLING)[0]["video"], clips
        )
        return list(decoded)


def encode_in_turns(clips: Sequence[Clip], encoder: WaitingEncoder) -> None:
    """Decode the clips of a file, then encode them."""
    runner = EncoderRunner(encoder, "waiting")
    for start in range(0, len(clips), ITEMS_PER_FILE):
        arrays = decode_alone(clips[start : start + ITEMS_PER_FILE], encoder)
        for _ in encode_arrays(runner, arrays, ["decoded"] * len(arrays)):
            pass


def encode_overlapped(clips: Sequence[Clip], encoder: WaitingEncoder) -> None:
    """Encode the clips as `extract` does, into a new store."""
    with tempfile.TemporaryDirectory() as folder:
        runners = {"video": EncoderRunner(encoder, "waiting")}
        encode_clips(clips, runners, NUM_FRAMES, root=Path(folder), progress=NullProgress())


if __name__ == "__main__":
    print(f"{count_cores()} cores, batches of {ENCODING_PLAN.size}")
    main()
