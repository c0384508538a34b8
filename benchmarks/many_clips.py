"""Time and memory of a run on many clips of one film: `python benchmarks/many_clips.py 2000`."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np

SECONDS = 60.0
FPS = 5
SAMPLE_RATE = 16_000
SPAN_S = 1.0
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


def write_folder(root: Path, num_clips: int) -> None:
    """Write a table of pairs whose spans differ, all of one film."""
    write_film(root / "film.mp4")
    num_pairs = num_clips // 2
    starts = np.linspace(0.0, SECONDS - 2 * SPAN_S, num_pairs)
    lines = ["pair,view,split,media,start,end,narration"]
    for index, start in enumerate(starts):
        split = SPLITS[index * len(SPLITS) // num_pairs]
        for view, delay in (("ego", 0.0), ("exo", 0.05)):
            begin = float(start) + delay
            lines.append(
                f"p{index},{view},{split},film.mp4,{begin:.5f},{begin + SPAN_S:.5f},does {index}"
            )
    (root / "clips.csv").write_text("\n".join(lines))


def main() -> None:
    """Run `logmel-neighbor` on so many clips; print seconds and the largest memory."""
    num_clips = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_folder(root, num_clips)
        start = time.perf_counter()
        command = ["run", "--method", "logmel-neighbor", "--dataset", f"folder:path={root}"]
        options = ["--allow-overlap", "--out", str(root / "runs"), "--json"]
        result = subprocess.run(
            [sys.executable, "-m", "egoexobench", *command, *options],
            check=True,
            stdout=subprocess.PIPE,
            env={**os.environ, "EGOEXOBENCH_CACHE": str(root / "cache")},
        )
        seconds = time.perf_counter() - start
    megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    print(f"{num_clips} clips: {seconds:.1f} s, at most {megabytes} MB")
    print(json.loads(result.stdout)["seconds"])


if __name__ == "__main__":
    main()
