"""Eight frames and the sound of a 10 s clip: the toolkit's decoder beside its peers, in one run.

    python benchmarks/decode.py [--rounds 7] [--seconds 10]

The script makes its clips: 640x480, 30 frames a second, H.264 with B frames, a keyframe every 1 s
or 10 s, stereo AAC at 48 kHz. Each method gives 8 RGB frames at segment centres, or sound at 16 kHz
in mono, on one thread, and takes its turn in every round; peers that are not installed are named
and skipped. Printed are median ms a clip, of the clock and of all cores together (CPU), and the
median over rounds of each CPU time divided by that of ours in the same round: above 1 costs more
than ours. CPU time is the fair one where a library starts threads or the machine is shared.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from egoexobench.data import decode as media
from egoexobench.data import frame_index as packets
from egoexobench.data.downmix import AUDIO_SAMPLE_RATE
from egoexobench.data.sampling import segment_centers
from egoexobench.types import Clip

WIDTH, HEIGHT, FPS, COUNT, RATE = 640, 480, 30, 8, 48_000
Pixels = NDArray[np.uint8]
Samples = NDArray[np.float32]


def film(path: Path, seconds: int, gop: int) -> Path:
    """Write a clip of drifting shapes and grain; ``gop`` is the distance of keyframes, s."""
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 6, (HEIGHT, WIDTH, 3))
    coarse = rng.integers(0, 256, (HEIGHT // 20, WIDTH // 20, 3))
    ground = np.kron(coarse, np.ones((20, 20, 1))).astype(np.float64)
    with av.open(str(path), "w") as container:
        settings = {
            "g": str(gop * FPS),
            "keyint_min": str(gop * FPS),
            "bf": "3",
            "preset": "medium",
        }
        video = container.add_stream("libx264", rate=FPS, options=settings)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.bit_rate = 1_200_000
        audio = container.add_stream("aac", rate=RATE, layout="stereo")
        for i in range(seconds * FPS):
            moved = np.roll(ground, (2 * i, 3 * i), (0, 1)) + np.roll(grain, 7 * i, 1)
            picture = np.ascontiguousarray(moved.clip(0, 255).astype(np.uint8))
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        wave = rng.normal(0, 0.1, (2, seconds * RATE)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="stereo")
        frame.rate = RATE
        container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return path


def ours(path: Path) -> Pixels:
    """`egoexobench.data.decode.decode`, the file's packets read anew as in a first run."""
    packets.clear_cache()
    return ours_again(path)


def ours_again(path: Path) -> Pixels:
    """The same with the file's packets known, as for the second clip of one file."""
    found = media.decode_clip(_clip(path), COUNT, with_audio=False).frames
    assert found is not None
    return found.pixels


def pyav(path: Path) -> Pixels:
    """PyAV, every frame decoded in order and the eight kept."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        wanted = set(_indices(stream.frames).tolist())
        found = {}
        for i, frame in zip(range(max(wanted) + 1), container.decode(stream), strict=False):
            if i in wanted:
                found[i] = frame.to_ndarray(format="rgb24")
    return np.stack([found[i] for i in sorted(found)])


def torchcodec(path: Path) -> Pixels:
    """TorchCodec, exact seeking, one thread."""
    from torchcodec.decoders import VideoDecoder  # type: ignore[import-not-found, unused-ignore]

    decoder = VideoDecoder(str(path), dimension_order="NHWC", num_ffmpeg_threads=1)
    pixels: Pixels = decoder.get_frames_at(_indices(len(decoder)).tolist()).data.numpy()
    return pixels


def decord(path: Path) -> Pixels:
    """Decord, one thread."""
    from decord import VideoReader, cpu  # type: ignore[import-not-found, unused-ignore]

    reader = VideoReader(str(path), ctx=cpu(0), num_threads=1)
    pixels: Pixels = reader.get_batch(_indices(len(reader))).asnumpy()
    return pixels


def opencv(path: Path) -> Pixels:
    """OpenCV, every frame grabbed in order and the eight retrieved."""
    import cv2  # type: ignore[import-not-found, unused-ignore]

    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    wanted = _indices(int(capture.get(cv2.CAP_PROP_FRAME_COUNT))).tolist()
    found = []
    for i in range(max(wanted) + 1):
        capture.grab()
        if i in wanted:
            found.append(cv2.cvtColor(capture.retrieve()[1], cv2.COLOR_BGR2RGB))
    return np.stack(found)


def ours_sound(path: Path) -> Samples:
    """`egoexobench.data.decode.decode`."""
    found = media.decode_clip(_clip(path), 0, with_audio=True).audio
    assert found is not None
    return found.waveform


def pyav_sound(path: Path) -> Samples:
    """PyAV and FFmpeg's own resampler and mix, frame by frame."""
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=AUDIO_SAMPLE_RATE)
    with av.open(str(path)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def torchcodec_sound(path: Path) -> Samples:
    """TorchCodec, resampled and mixed by it."""
    from torchcodec.decoders import AudioDecoder  # type: ignore[import-not-found, unused-ignore]

    decoder = AudioDecoder(str(path), sample_rate=AUDIO_SAMPLE_RATE, num_channels=1)
    samples: Samples = decoder.get_all_samples().data[0].numpy()
    return samples


def decord_sound(path: Path) -> Samples:
    """Decord, resampled and mixed by it."""
    from decord import AudioReader, cpu  # type: ignore[import-not-found, unused-ignore]

    reader = AudioReader(str(path), ctx=cpu(0), sample_rate=AUDIO_SAMPLE_RATE, mono=True)
    samples: Samples = reader[:].asnumpy()[0]
    return samples


Method = Callable[[Path], NDArray[np.generic]]
PICTURES: dict[str, tuple[Method, str]] = {
    "ours": (ours, "av"),
    "ours, packets known": (ours_again, "av"),
    "PyAV sequential": (pyav, "av"),
    "torchcodec": (torchcodec, "torchcodec"),
    "decord": (decord, "decord"),
    "opencv sequential": (opencv, "cv2"),
}
SOUND: dict[str, tuple[Method, str]] = {
    "ours": (ours_sound, "av"),
    "PyAV, swr frame by frame": (pyav_sound, "av"),
    "torchcodec": (torchcodec_sound, "torchcodec"),
    "decord": (decord_sound, "decord"),
}
"""Method and the module that it needs."""


def compare(path: Path, methods: dict[str, tuple[Method, str]], rounds: int) -> None:
    """Time the methods in turn and print a table."""
    absent = {needs: why for _, needs in methods.values() if (why := _absence(needs))}
    there = {name: run for name, (run, needs) in methods.items() if needs not in absent}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in there}
    given: dict[str, NDArray[np.generic]] = {}
    for turn in range(-1, rounds):
        for name, run in there.items():
            wall, cpu = time.perf_counter(), time.process_time()
            given[name] = run(path)
            if turn >= 0:  # the first round fills caches
                spent = time.perf_counter() - wall, time.process_time() - cpu
                taken[name].append(spent)
    print("| method | ms | CPU ms | least | clips per CPU s | / ours | equal |")
    print("|---|---|---|---|---|---|---|")
    for name, times in taken.items():
        clock, cpus = (1e3 * np.array(column) for column in zip(*times, strict=True))
        base = [1e3 * cpu for _, cpu in taken["ours"]]
        middle, same = float(np.median(cpus)), _same(given["ours"], given[name])
        print(
            f"| {name} | {np.median(clock):.1f} | {middle:.1f} | {cpus.min():.1f} "
            f"| {1e3 / middle:.1f} | {np.median(cpus / base):.2f} | {same} |"
        )
    for needs, why in absent.items():
        print(f"{needs} {why}, skipped")


def _absence(module: str) -> str:
    """Why a peer cannot take part; empty if it can."""
    if not find_spec(module):
        return "is not installed"
    try:
        import_module(module)
    except (ImportError, OSError, RuntimeError) as error:
        return f"does not load ({type(error).__name__}: {str(error).strip().splitlines()[0]})"
    return ""


def _same(ours: NDArray[np.generic], other: NDArray[np.generic]) -> str:
    if ours.ndim == 1:  # decoders differ in where the last block of sound ends
        ours, other = ours[: len(other)], other[: len(ours)]
    if ours.shape != other.shape:
        return f"no, {other.shape} for {ours.shape}"
    if np.array_equal(ours, other):
        return "yes"
    gap = np.abs(ours.astype(np.float64) - other.astype(np.float64)).mean()
    return f"no, by {gap:.2g} on average"


def _clip(path: Path) -> Clip:
    return Clip("clip", "ego", str(path), 0.0, None, "", "")


def _indices(frames: int) -> NDArray[np.int64]:
    return segment_centers(FPS, frames, 0.0, frames / FPS, COUNT)


def main() -> None:
    """Make the clips, time everything, print three tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=10, help="length of the clips, s")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for gop in (1, 10):
            path = film(Path(folder) / f"{gop}.mp4", asked.seconds, gop)
            print(f"\n{COUNT} frames of {asked.seconds} s, a keyframe every {gop} s", end=", ")
            print(f"{path.stat().st_size / 1e6:.1f} MB, {asked.rounds} rounds\n")
            compare(path, PICTURES, asked.rounds)
        print(f"\nsound of {asked.seconds} s to 16 kHz mono\n")
        compare(path, SOUND, asked.rounds)


if __name__ == "__main__":
    main()
