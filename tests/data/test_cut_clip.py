"""A span that is cut out has the frames of the span at their times, and its sound."""

from pathlib import Path

import av
import numpy as np
import pytest
from fake_data import make_clip
from media_factory import make_tone, write_video
from numpy.typing import NDArray

from egoexobench.data.cut_clip import is_complete_file, write_clip_file
from egoexobench.data.decode import decode_clip_audio, read_media_info


def read_frames(path: Path) -> dict[float, NDArray[np.int64]]:
    """Every frame of a file by its time."""
    with av.open(str(path)) as container:
        return {
            round(float(frame.time or 0), 3): frame.to_ndarray(format="rgb24").astype(int)
            for frame in container.decode(video=0)
        }


@pytest.mark.parametrize("start", [0.0, 1.25, 1.3, 3.9])
def test_the_frames_and_the_sound_of_a_span_are_written(tmp_path: Path, start: float) -> None:
    film = write_video(tmp_path / "film.mp4", seconds=5, fps=8, waveform=make_tone(5.0, 300))
    clip = make_clip("a", media=str(film), start=start, end=start + 1)
    write_clip_file(tmp_path / "cut.mp4", clip)
    copied = read_frames(tmp_path / "cut.mp4")
    expected = {t: image for t, image in read_frames(film).items() if start <= t < start + 1}
    assert len(copied) == len(expected) == 8
    for (time, image), (original_time, original) in zip(
        copied.items(), expected.items(), strict=True
    ):
        assert time - min(copied) == pytest.approx(original_time - min(expected), abs=2e-3)
        differences = {t: np.abs(image - other).mean() for t, other in expected.items()}
        assert min(differences, key=differences.__getitem__) == original_time
        assert np.abs(image - original).mean() < 10
    complete = make_clip("b", media=str(tmp_path / "cut.mp4"), end=None)
    assert is_complete_file(complete)
    samples, _ = decode_clip_audio(complete)
    original_samples, _ = decode_clip_audio(clip)
    assert samples is not None
    assert original_samples is not None
    assert abs(len(samples) - len(original_samples)) < 16_000 // 8
    assert np.std(samples[1000:-3000]) == pytest.approx(np.std(original_samples), rel=0.1)


def test_a_complete_file_is_copied_and_a_film_without_sound_stays_silent(tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", seconds=2, image_size=36)
    write_clip_file(tmp_path / "copy.mp4", make_clip("a", media=str(film), end=None))
    assert (tmp_path / "copy.mp4").read_bytes() == film.read_bytes()
    write_clip_file(tmp_path / "cut.mp4", make_clip("a", media=str(film), start=1.0, end=1.5))
    assert read_media_info(str(tmp_path / "cut.mp4")).audio is None


def write_restless_video(path: Path) -> Path:
    """A film that moves, flickers and has noise."""
    rng = np.random.default_rng(1)
    scene = np.kron(rng.integers(0, 256, (80, 93, 3)), np.ones((8, 8, 1)))
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=30, options={"crf": "20"})
        video.width, video.height, video.pix_fmt = 426, 320, "yuv420p"
        for index in range(32):
            top, left = int(40 + 30 * np.sin(index / 5)), 40 + 3 * index
            noise = rng.normal(0, 10, (320, 426, 1))
            pixels = scene[top : top + 320, left : left + 426] + noise
            pixels = np.clip(pixels * (0.6 + 0.4 * np.sin(index / 9)), 0, 255).astype(np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(video.encode(None))
    return path


def test_a_clip_gives_the_same_bytes_whatever_was_in_memory(tmp_path: Path) -> None:
    film = write_restless_video(tmp_path / "film.mp4")
    clip = make_clip("a", media=str(film), start=0.01, end=None)
    contents = set()
    for value in (7, 67, 127):
        blocks = [np.full(size, value, np.uint8) for size in (10**5, 10**6, 5 * 10**6) * 3]
        del blocks  # the encoder gets this memory
        write_clip_file(tmp_path / "cut.mp4", clip)
        contents.add((tmp_path / "cut.mp4").read_bytes())
    assert len(contents) == 1
