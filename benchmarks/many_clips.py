"""Time and memory of `run --method logmel-neighbor` on many clips of one small film.

    python benchmarks/many_clips.py 2000 8000 50000     spans of the film, ego and exo in turn
    python benchmarks/many_clips.py --files 50000       each clip is a file of its own, a hard link
    python benchmarks/many_clips.py --candidates 44000  so many exo clips, ten for each ego clip

It prints seconds, processor seconds and the largest memory of each run; on a busy machine compare
the processor seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

SECONDS = 60.0
FPS = 5
SAMPLE_RATE = 16_000
SPAN_S = 1.0
NUM_CAMERAS = 10
"""Exo clips of an ego clip where there are several."""
SPLITS = ("train",) * 2 + ("val",) + ("test",) * 7


def write_film(path: Path) -> None:
    """Write a film of moving noise whose sound changes all the time."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FPS)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for index in range(round(SECONDS * FPS)):
            pixels = np.full((64, 64, 3), index % 256, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(video.encode(None))
        times = np.arange(round(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
        tone = 0.2 * np.sin(2 * np.pi * (200 * times + 20 * times**2))
        waveform = (tone + 0.02 * rng.standard_normal(len(times))).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(waveform[None], format="fltp", layout="mono")
        frame.rate = SAMPLE_RATE
        container.mux(audio.encode(frame))
        container.mux(audio.encode(None))


@dataclass(frozen=True, slots=True)
class ClipSet:
    """How many clips there are, and how they are cut from the film."""

    num_clips: int
    exo_per_ego: int = 1
    """An ego clip stands in so many pairs."""
    has_own_files: bool = False
    """Each clip is a file of its own and lasts as long as the film."""

    @property
    def num_pairs(self) -> int:
        """A pair has an exo clip of its own."""
        return self.num_clips * self.exo_per_ego // (1 + self.exo_per_ego)


def write_folder(root: Path, clip_set: ClipSet) -> None:
    """Write a film and a table of pairs."""
    write_film(root / "film.mp4")
    num_pairs = clip_set.num_pairs
    starts = np.linspace(0.0, SECONDS - 2 * SPAN_S, num_pairs)
    lines = ["pair,view,split,take,media,start,end,narration"]
    for index in range(num_pairs):
        take = index - index % clip_set.exo_per_ego
        split = SPLITS[take * len(SPLITS) // num_pairs]
        for view, first, delay in (("ego", take, 0.0), ("exo", index, 0.05)):
            begin, media = float(starts[first]) + delay, "film.mp4"
            if clip_set.has_own_files:
                media, begin = f"{view}{first}.mp4", 0.0
                if not (root / media).exists():
                    os.link(root / "film.mp4", root / media)
            times = f"{begin:.5f},{begin + SPAN_S:.5f}"
            lines.append(f"p{index},{view},{split},t{take},{media},{times},does {index}")
    (root / "clips.csv").write_text("\n".join(lines))


def measure_run(clip_set: ClipSet) -> None:
    """Run on a set of clips; print seconds and the largest memory."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_folder(root, clip_set)
        command = ["run", "--method", "logmel-neighbor", "--dataset", f"folder:path={root}"]
        options = ["--allow-overlap", "--out", str(root / "runs"), "--json"]
        process = subprocess.Popen(
            [sys.executable, "-m", "egoexobench", *command, *options],
            stdout=subprocess.PIPE,
            env={**os.environ, "EGOEXOBENCH_CACHE": str(root / "cache")},
        )
        start = time.perf_counter()
        assert process.stdout is not None  # it is a pipe
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)  # the memory of this run alone
        seconds = time.perf_counter() - start
    if status:
        sys.exit(f"the run ended with status {status}")
    print(
        f"{clip_set}: {seconds:.1f} s, {usage.ru_utime + usage.ru_stime:.1f} processor seconds, "
        f"at most {usage.ru_maxrss >> 10} MB"
    )
    print(json.loads(output)["seconds"], flush=True)


def main() -> None:
    """Measure each number of clips that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("num_clips", type=int, nargs="*", help="spans of the film")
    parser.add_argument("--files", type=int, nargs="+", default=[], help="clips with own files")
    parser.add_argument("--candidates", type=int, nargs="+", default=[], help="exo clips")
    arguments = parser.parse_args()
    selected = [ClipSet(number) for number in arguments.num_clips]
    selected += [ClipSet(number, has_own_files=True) for number in arguments.files]
    selected += [
        ClipSet(number + number // NUM_CAMERAS, exo_per_ego=NUM_CAMERAS)
        for number in arguments.candidates
    ]
    for clip_set in selected or [ClipSet(2000)]:
        measure_run(clip_set)


if __name__ == "__main__":
    main()
