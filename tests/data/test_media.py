import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from studio import RATE, film, tone

from egoexobench.data.media import decode
from egoexobench.data.sampling import segment_centres
from egoexobench.errors import DataError
from egoexobench.values import Clip

REAL = Path(os.environ.get("EGOEXOBENCH_MEDIA", "../shared/data/media"))


def clip(path: Path, start: float = 0.0, end: float | None = None) -> Clip:
    return Clip("x", "ego", str(path), start, end, "text", "take")


def every_frame(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def spectral_peak(samples: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(power) * RATE / len(samples))


@pytest.mark.parametrize("span", [(0.0, None), (1.0, 3.0), (2.5, 4.0)])
def test_frames_equal_a_sequential_decode_by_index(
    tmp_path: Path, span: tuple[float, float | None]
) -> None:
    path = film(tmp_path / "a.mp4", seconds=4, fps=12)
    whole = every_frame(path)
    indices = segment_centres(12, len(whole), span[0], span[1] or 4.0, 6)
    found = decode(clip(path, *span), 6, sound=False).frames
    assert found is not None
    assert np.array_equal(found.pixels, np.stack([whole[i] for i in indices]))
    assert np.allclose(found.times, indices / 12)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real clips in {REAL}")
def test_frames_of_real_clips_equal_a_sequential_decode() -> None:
    for path in sorted(REAL.glob("*.mp4")):
        whole = every_frame(path)
        decoded = decode(clip(path), 8, sound=True)
        indices = segment_centres(30, len(whole), 0.0, len(whole) / 30, 8)
        assert decoded.frames is not None
        assert np.array_equal(decoded.frames.pixels, np.stack([whole[i] for i in indices]))
        assert decoded.state == "no track"


def test_sound_is_mono_16_khz_of_the_span(tmp_path: Path) -> None:
    wave = np.concatenate([tone(2, 500), tone(2, 2000)], axis=1)
    path = film(tmp_path / "a.mp4", seconds=4, sound=wave)
    late = decode(clip(path, 2.2, 3.8), 0, sound=True).sound
    assert late is not None
    assert late.rate == RATE
    assert abs(len(late.samples) - 1.6 * RATE) <= 1
    assert abs(spectral_peak(late.samples) - 2000) < 10


def test_the_mono_mix_is_the_mean_of_the_channels(tmp_path: Path) -> None:
    both = film(tmp_path / "both.mp4", sound=tone(channels=2))
    left = film(tmp_path / "left.mp4", sound=tone(channels=2) * np.array([[1], [0]], np.float32))
    levels = {}
    for path in (both, left):
        sound = decode(clip(path), 0, sound=True).sound
        assert sound is not None
        middle = sound.samples[RATE // 2 : 3 * RATE // 2]
        levels[path.stem] = float(np.sqrt((middle**2).mean()))
    # a sine of amplitude 0.25 has 0.177; a mix that keeps power would give 0.25
    assert levels["both"] == pytest.approx(0.25 / np.sqrt(2), rel=0.02)
    assert levels["left"] == pytest.approx(0.125 / np.sqrt(2), rel=0.02)


def test_other_rates_are_resampled(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    time = np.arange(48_000) / 48_000
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        wave = (0.3 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.rate, frame.time_base = 48_000, Fraction(1, 48_000)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    sound = decode(clip(path), 0, sound=True).sound
    assert sound is not None
    assert abs(len(sound.samples) - RATE) < 0.05 * RATE
    assert abs(spectral_peak(sound.samples) - 1000) < 10


def test_no_track_and_digital_silence_are_told_apart_and_never_zeros(tmp_path: Path) -> None:
    without = decode(clip(film(tmp_path / "a.mp4")), 2, sound=True)
    silent = decode(
        clip(film(tmp_path / "b.mp4", sound=np.zeros((1, 2 * RATE), np.float32))), 2, sound=True
    )
    assert (without.state, without.sound) == ("no track", None)
    assert (silent.state, silent.sound) == ("silent", None)
    assert without.frames is not None


@pytest.mark.parametrize(
    ("span", "message"),
    [((1.0, 9.0), "ends beyond"), ((5.0, None), "ends beyond")],
)
def test_a_span_beyond_the_end_names_span_and_length(
    tmp_path: Path, span: tuple[float, float | None], message: str
) -> None:
    path = film(tmp_path / "a.mp4")
    with pytest.raises(DataError, match=message) as caught:
        decode(clip(path, *span), 2, sound=False)
    assert "2.00 s long" in str(caught.value)


def test_a_missing_a_corrupt_and_a_truncated_file_are_one_line(tmp_path: Path) -> None:
    whole = film(tmp_path / "a.mp4", sound=tone())
    corrupt, cut = tmp_path / "b.mp4", tmp_path / "c.mp4"
    corrupt.write_bytes(b"no media " * 100)
    cut.write_bytes(whole.read_bytes()[:-2000])
    for path in (tmp_path / "none.mp4", corrupt, cut):
        with pytest.raises(DataError, match=path.name) as caught:
            decode(clip(path), 4, sound=True)
        assert "\n" not in str(caught.value)
