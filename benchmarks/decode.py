"""Times decoding of 8 frames and of the audio of a 10 s clip, next to other libraries.

    python benchmarks/decode.py [--rounds 7] [--seconds 10]

The script writes its own clips: 640x480, 30 frames per second, H.264 with B frames, a keyframe
every 1 s or every 10 s, stereo AAC at 48 kHz. Each method returns 8 RGB frames at segment centers,
or mono audio at 16 kHz, on one thread. The methods take turns in every round. A library that is not
installed is named and skipped. The script prints the median ms per clip, of the clock and of all
cores together (CPU), and the median over rounds of the CPU time divided by ours of the same round:
above 1 costs more than ours. CPU time is the fair measure if a library starts threads or if the
machine is shared.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from egoexobench.data.decode import decode_clip
from egoexobench.data.downmix import AUDIO_SAMPLE_RATE
from egoexobench.data.frame_index import clear_cache
from egoexobench.data.sampling import segment_centers
from egoexobench.types import Clip

WIDTH, HEIGHT, FPS, NUM_FRAMES, SAMPLE_RATE = 640, 480, 30, 8, 48_000
Pixels = NDArray[np.uint8]
Waveform = NDArray[np.float32]


def write_clip(path: Path, seconds: int, keyframe_seconds: int) -> Path:
    """Write a clip of moving shapes with film grain, and a keyframe every so many seconds."""
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 6, (HEIGHT, WIDTH, 3))
    coarse = rng.integers(0, 256, (HEIGHT // 20, WIDTH // 20, 3))
    background = np.kron(coarse, np.ones((20, 20, 1))).astype(np.float64)
    with av.open(str(path), "w") as container:
        options = {
            "g": str(keyframe_seconds * FPS),
            "keyint_min": str(keyframe_seconds * FPS),
            "bf": "3",
            "preset": "medium",
        }
        video = container.add_stream("libx264", rate=FPS, options=options)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.bit_rate = 1_200_000
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        for i in range(seconds * FPS):
            moved = np.roll(background, (2 * i, 3 * i), (0, 1)) + np.roll(grain, 7 * i, 1)
            image = np.ascontiguousarray(moved.clip(0, 255).astype(np.uint8))
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(video.encode(None))
        wave = rng.normal(0, 0.1, (2, seconds * SAMPLE_RATE)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="stereo")
        frame.rate = SAMPLE_RATE
        container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return path


def decode_frames(path: Path) -> Pixels:
    """Decode with `egoexobench.data.decode`; the packets of the file are read again."""
    clear_cache()
    return decode_indexed_frames(path)


def decode_indexed_frames(path: Path) -> Pixels:
    """Decode when the packets are cached, as for the second clip of a file."""
    frames = decode_clip(_make_clip(path), NUM_FRAMES, with_audio=False).frames
    assert frames is not None
    return frames.pixels


def decode_frames_pyav(path: Path) -> Pixels:
    """PyAV: decode every frame in order and store eight."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        required = set(_compute_indices(stream.frames).tolist())
        decoded = zip(range(max(required) + 1), container.decode(stream), strict=False)
        return np.stack([frame.to_ndarray(format="rgb24") for i, frame in decoded if i in required])


def decode_frames_torchcodec(path: Path) -> Pixels:
    """TorchCodec: exact seeking, one thread."""
    from torchcodec.decoders import VideoDecoder  # type: ignore[import-not-found, unused-ignore]

    decoder = VideoDecoder(str(path), dimension_order="NHWC", num_ffmpeg_threads=1)
    pixels: Pixels = decoder.get_frames_at(_compute_indices(len(decoder)).tolist()).data.numpy()
    return pixels


def decode_frames_decord(path: Path) -> Pixels:
    """Decord: one thread."""
    from decord import VideoReader, cpu  # type: ignore[import-not-found, unused-ignore]

    reader = VideoReader(str(path), ctx=cpu(0), num_threads=1)
    pixels: Pixels = reader.get_batch(_compute_indices(len(reader))).asnumpy()
    return pixels


def decode_frames_opencv(path: Path) -> Pixels:
    """OpenCV: grab every frame in order and retrieve eight."""
    import cv2  # type: ignore[import-not-found, unused-ignore]

    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    required = _compute_indices(int(capture.get(cv2.CAP_PROP_FRAME_COUNT))).tolist()
    frames = []
    for i in range(max(required) + 1):
        capture.grab()
        if i in required:
            frames.append(cv2.cvtColor(capture.retrieve()[1], cv2.COLOR_BGR2RGB))
    return np.stack(frames)


def decode_audio(path: Path) -> Waveform:
    """Decode with `egoexobench.data.decode`."""
    audio = decode_clip(_make_clip(path), 0, with_audio=True).audio
    assert audio is not None
    return audio.waveform


def decode_audio_pyav(path: Path) -> Waveform:
    """PyAV: FFmpeg resamples and mixes frame by frame."""
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=AUDIO_SAMPLE_RATE)
    with av.open(str(path)) as container:
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def decode_audio_torchcodec(path: Path) -> Waveform:
    """TorchCodec resamples and mixes."""
    from torchcodec.decoders import AudioDecoder  # type: ignore[import-not-found, unused-ignore]

    decoder = AudioDecoder(str(path), sample_rate=AUDIO_SAMPLE_RATE, num_channels=1)
    waveform: Waveform = decoder.get_all_samples().data[0].numpy()
    return waveform


def decode_audio_decord(path: Path) -> Waveform:
    """Decord resamples and mixes."""
    from decord import AudioReader, cpu  # type: ignore[import-not-found, unused-ignore]

    reader = AudioReader(str(path), ctx=cpu(0), sample_rate=AUDIO_SAMPLE_RATE, mono=True)
    waveform: Waveform = reader[:].asnumpy()[0]
    return waveform


Method = Callable[[Path], NDArray[np.generic]]
OURS = "ours"
FRAME_METHODS: dict[str, tuple[Method, str]] = {
    OURS: (decode_frames, "av"),
    "ours, packets cached": (decode_indexed_frames, "av"),
    "PyAV, sequential": (decode_frames_pyav, "av"),
    "torchcodec": (decode_frames_torchcodec, "torchcodec"),
    "decord": (decode_frames_decord, "decord"),
    "opencv, sequential": (decode_frames_opencv, "cv2"),
}
AUDIO_METHODS: dict[str, tuple[Method, str]] = {
    OURS: (decode_audio, "av"),
    "PyAV, resampled by frame": (decode_audio_pyav, "av"),
    "torchcodec": (decode_audio_torchcodec, "torchcodec"),
    "decord": (decode_audio_decord, "decord"),
}
"""Name to the method and the module that it needs."""


class DecodeTime(NamedTuple):
    """Milliseconds of one call."""

    wall: float
    cpu: float


def compare_methods(path: Path, methods: dict[str, tuple[Method, str]], rounds: int) -> None:
    """Time the methods in turns and print a table."""
    absent = {
        module: reason for _, module in methods.values() if (reason := _explain_absence(module))
    }
    installed = {name: run for name, (run, module) in methods.items() if module not in absent}
    times: dict[str, list[DecodeTime]] = {name: [] for name in installed}
    outputs: dict[str, NDArray[np.generic]] = {}
    for turn in range(-1, rounds):
        for name, run in installed.items():
            wall, cpu = time.perf_counter(), time.process_time()
            outputs[name] = run(path)
            if turn >= 0:  # the first round fills caches
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                times[name].append(DecodeTime(1e3 * wall, 1e3 * cpu))
    print("| method | ms | CPU ms | least | clips per CPU s | / ours | equal |")
    print("|---|---|---|---|---|---|---|")
    for name, output in outputs.items():
        wall_ms, cpu_ms = (np.array(column) for column in zip(*times[name], strict=True))
        ratio = np.median(cpu_ms / [reference.cpu for reference in times[OURS]])
        print(
            f"| {name} | {np.median(wall_ms):.1f} | {np.median(cpu_ms):.1f} | {cpu_ms.min():.1f} "
            f"| {1e3 / np.median(cpu_ms):.1f} | {ratio:.2f} "
            f"| {_describe_equality(outputs[OURS], output)} |"
        )
    for module, reason in absent.items():
        print(f"{module} {reason}, skipped")


def _explain_absence(module: str) -> str:
    """Why a library cannot be used; empty if it can."""
    if not find_spec(module):
        return "is not installed"
    try:
        import_module(module)
    except (ImportError, OSError, RuntimeError) as error:
        return f"does not load ({type(error).__name__}: {str(error).strip().splitlines()[0]})"
    return ""


def _describe_equality(ours: NDArray[np.generic], other: NDArray[np.generic]) -> str:
    if ours.ndim == 1:  # decoders differ in where the last block of audio ends
        ours, other = ours[: len(other)], other[: len(ours)]
    if ours.shape != other.shape:
        return f"no, {other.shape} instead of {ours.shape}"
    if np.array_equal(ours, other):
        return "yes"
    gap = np.abs(ours.astype(np.float64) - other.astype(np.float64)).mean()
    return f"no, by {gap:.2g} on average"


def _make_clip(path: Path) -> Clip:
    return Clip(id="clip", view="ego", media=str(path), start=0.0, end=None, narration="", take="")


def _compute_indices(num_frames: int) -> NDArray[np.int64]:
    return segment_centers(
        fps=FPS, num_frames=num_frames, start=0.0, end=num_frames / FPS, count=NUM_FRAMES
    )


def main() -> None:
    """Write the clips, time every method, print three tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=10, help="length of the clips, s")
    arguments = parser.parse_args()
    seconds, rounds = arguments.seconds, arguments.rounds
    with tempfile.TemporaryDirectory() as folder:
        for interval in (1, 10):
            path = write_clip(Path(folder) / f"{interval}.mp4", seconds, interval)
            size = path.stat().st_size / 1e6
            print(f"\n{NUM_FRAMES} frames of {seconds} s, a keyframe every {interval} s,", end=" ")
            print(f"{size:.1f} MB, {rounds} rounds\n")
            compare_methods(path, FRAME_METHODS, rounds)
        print(f"\naudio of {seconds} s to 16 kHz mono\n")
        compare_methods(path, AUDIO_METHODS, rounds)


if __name__ == "__main__":
    main()
