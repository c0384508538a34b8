"""What a data set of 10^5, 10^6 and 10^8 clips takes at paper scale, with the arithmetic.

    python benchmarks/projections.py
    python benchmarks/projections.py --decode-ms 60 --cores 64 --gpus 8 --disk-gb-s 6

Sizes are those of what the encoders of SoundBridge at paper scale prepare and return here. The rate
of a core is measured by a matrix product. What cannot be measured in seconds, or needs a GPU, is an
option, and its default says where it comes from. A row is a product of the numbers above it, so
that another number can be put in by hand.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from egoexobench.registry import Registry
from egoexobench.spec import Spec
from egoexobench.types import Audio, Frames

COUNTS = (10**5, 10**6, 10**8)
SECONDS = 10.0
VIDEO = Spec.parse("timesformer:system=egoexo,output=frames")
AUDIO = Spec.parse("beats:output=frames")
NUM_FRAMES, WIDTH = 4, 256
BYTES_PER_NUMBER = 4
NUM_VIEWS = 2
TILE = (512, 8192)
MS_PER_HOUR = 3.6e6
S_PER_HOUR = 3600
TRAINING_FACTOR = 4
"""Forward passes of a training step: one, a backward pass of twice its cost, and one more, because
inner results are computed again instead of kept (`checkpointing`)."""


class ClipSizes(NamedTuple):
    """Sizes of one clip of 10 s, in bytes and floating-point operations."""

    picture_bytes: int
    sound_bytes: int
    video_flop: float
    sound_flop: float


class ProjectionRow(NamedTuple):
    """A quantity for each number of clips, and how it is computed."""

    name: str
    arithmetic: str
    values: tuple[str, ...]


def measure_clip_sizes() -> ClipSizes:
    """Return the sizes of what the encoders prepare and return for a random clip."""
    registry, rng = Registry(), np.random.default_rng(0)
    video: Any = registry.create("encoder", VIDEO)
    audio: Any = registry.create("encoder", AUDIO)
    pixels = rng.integers(0, 256, (NUM_FRAMES, 480, 640, 3), dtype=np.uint8)
    pictures = video.prepare(Frames(pixels, np.arange(NUM_FRAMES) / 2))
    samples = rng.uniform(-0.5, 0.5, round(SECONDS * 16_000)).astype(np.float32)
    sound = torch.from_numpy(audio.prepare(Audio(samples, 16_000)))[None]
    with torch.inference_mode():
        tokens = audio.encode(sound, torch.ones(sound.shape[:2], dtype=torch.bool)).values[0]
    config = video.visual.config
    num_patches = NUM_FRAMES * (config.image // config.patch) ** 2
    num_sound_patches = 8 * len(tokens)  # BEATs has 8 bands for each step in time
    return ClipSizes(
        picture_bytes=pictures.nbytes,
        sound_bytes=tokens.numel() * BYTES_PER_NUMBER,
        video_flop=2 * num_patches * count_weights(video),
        sound_flop=2 * num_sound_patches * count_weights(audio),
    )


def count_weights(module: torch.nn.Module) -> int:
    """Return the number of weights; a token passes each of them once."""
    return sum(weight.numel() for weight in module.parameters())


def measure_core_rate() -> float:
    """Return floating-point operations a second of a matrix product on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    left, right = torch.rand(TILE[0], WIDTH), torch.rand(WIDTH, TILE[1])
    out = torch.empty(TILE)
    seconds = []
    for _ in range(20):
        start = time.process_time()
        torch.mm(left, right, out=out)
        seconds.append(time.process_time() - start)
    torch.set_num_threads(threads)
    return 2 * TILE[0] * TILE[1] * WIDTH / float(np.median(seconds))


def project(
    sizes: ClipSizes, core_rate: float, options: argparse.Namespace
) -> Iterator[ProjectionRow]:
    """Yield the rows of the table."""
    yield from _project_storage(sizes, options)
    yield from _project_encoding(sizes, options)
    yield from _project_ranks(core_rate, options)
    yield _make_row(
        "a run with small encoders, core hours",
        f"clips x {options.run_ms:g} ms",
        lambda count: count * options.run_ms / MS_PER_HOUR,
    )
    yield _make_row(
        "memory of a run, GB",
        f"clips x {options.run_kb:g} KB",
        lambda count: count * options.run_kb / 1e6,
    )


def _project_storage(sizes: ClipSizes, options: argparse.Namespace) -> Iterator[ProjectionRow]:
    stored = sizes.picture_bytes + sizes.sound_bytes
    yield _make_row(
        "features on disk, GB",
        f"clips x ({sizes.picture_bytes:,} + {sizes.sound_bytes:,}) bytes",
        lambda count: count * stored / 1e9,
    )
    yield _make_row(
        "embeddings, GB",
        f"clips x {WIDTH} x {BYTES_PER_NUMBER} bytes",
        lambda count: count * WIDTH * BYTES_PER_NUMBER / 1e9,
    )
    yield _make_row(
        "opening a store, s",
        f"clips x {options.open_us:g} us",
        lambda count: count * options.open_us / 1e6,
    )
    yield _make_row(
        "memory of an open store, GB",
        f"clips x {options.open_bytes:g} bytes",
        lambda count: count * options.open_bytes / 1e9,
    )
    disk_rate = options.machines * options.disk_gb_s * 1e9
    yield _make_row(
        "reading an epoch, hours",
        f"features / ({options.machines} machines x {options.disk_gb_s:g} GB/s)",
        lambda count: count * stored / disk_rate / S_PER_HOUR,
    )


def _project_encoding(sizes: ClipSizes, options: argparse.Namespace) -> Iterator[ProjectionRow]:
    milliseconds, cores = options.decode_ms + options.sound_ms, options.machines * options.cores
    yield _make_row(
        "decoding, core hours",
        f"clips x ({options.decode_ms:g} + {options.sound_ms:g}) ms",
        lambda count: count * milliseconds / MS_PER_HOUR,
    )
    yield _make_row(
        "decoding, hours",
        f"core hours / ({options.machines} machines x {options.cores} cores)",
        lambda count: count * milliseconds / MS_PER_HOUR / cores,
    )
    flop, gpu_rate = sizes.video_flop + sizes.sound_flop, options.gpu_half_tflops * 1e12
    yield _make_row(
        "encoding, GPU hours",
        f"clips x {flop / 1e9:.0f} GFLOP / {options.gpu_half_tflops:g} TFLOP/s",
        lambda count: count * flop / gpu_rate / S_PER_HOUR,
    )
    yield _make_row(
        "training, GPU hours an epoch",
        f"clips x {sizes.video_flop / 1e9:.0f} GFLOP x {TRAINING_FACTOR} / "
        f"{options.gpu_half_tflops:g} TFLOP/s",
        lambda count: count * sizes.video_flop * TRAINING_FACTOR / gpu_rate / S_PER_HOUR,
    )


def _project_ranks(core_rate: float, options: argparse.Namespace) -> Iterator[ProjectionRow]:
    def count_queries(count: int) -> int:
        return min(count // NUM_VIEWS, options.max_queries)

    def count_flop(count: int) -> float:
        return 2.0 * count_queries(count) * count / NUM_VIEWS * WIDTH

    yield _make_row(
        "queries of a gallery",
        f"the smaller of half of the clips and {options.max_queries:,}",
        count_queries,
    )
    yield _make_row(
        "ranks, core hours",
        f"2 x queries x clips / {NUM_VIEWS} x {WIDTH} x {options.rank_ratio:g} / "
        f"{core_rate / 1e9:.0f} GFLOP/s",
        lambda count: options.rank_ratio * count_flop(count) / core_rate / S_PER_HOUR,
    )
    gpu_rate = options.gpu_single_tflops * 1e12
    yield _make_row(
        "ranks, GPU seconds",
        f"the same operations x {options.gpu_rank_ratio:g} / {options.gpu_single_tflops:g} TFLOP/s",
        lambda count: options.gpu_rank_ratio * count_flop(count) / gpu_rate,
    )


def _make_row(name: str, arithmetic: str, compute: Callable[[int], float]) -> ProjectionRow:
    values = [compute(count) for count in COUNTS]
    cells = tuple(f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" for value in values)
    return ProjectionRow(name, arithmetic, cells)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--decode-ms", type=float, default=113, help="8 frames of 640x480: decode.py, one core")
    add("--sound-ms", type=float, default=27, help="10 s of sound: decode.py, one core")
    add("--machines", type=int, default=1)
    add("--cores", type=int, default=16, help="of a machine")
    add("--disk-gb-s", type=float, default=3, help="of a machine: an SSD, an assumption")
    add("--gpu-half-tflops", type=float, default=200, help="bf16 in practice, an assumption")
    add("--gpu-single-tflops", type=float, default=50, help="fp32 without TF32, an assumption")
    add("--rank-ratio", type=float, default=1.26, help="ranks to product: ranks.py, 10^6")
    add("--gpu-rank-ratio", type=float, default=3, help="the bar of gpu.py, not measured")
    add("--max-queries", type=int, default=500_000)
    add("--open-us", type=float, default=0.2, help="an item: store_open.py, 10^6")
    add("--open-bytes", type=float, default=127, help="an item: store_open.py, 10^6")
    add("--run-ms", type=float, default=12.0, help="processor time of a clip: many_clips.py")
    add("--run-kb", type=float, default=24.5, help="memory of a clip: many_clips.py")
    options = parser.parse_args()
    sizes, core_rate = measure_clip_sizes(), measure_core_rate()
    print("| quantity | arithmetic | " + " | ".join(f"{count:,} clips" for count in COUNTS) + " |")
    print("|---|---|" + "---:|" * len(COUNTS))
    for row in project(sizes, core_rate, options):
        print(f"| {row.name} | {row.arithmetic} | {' | '.join(row.values)} |")


if __name__ == "__main__":
    main()
