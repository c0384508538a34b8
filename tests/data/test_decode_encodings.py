"""Pictures and sound of files whose coding is not the plain one."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from egoexobench.data.decode import decode_audio, decode_clip, read_media_info
from egoexobench.data.sampling import segment_centers
from egoexobench.errors import MediaError
from egoexobench.types import Clip

FPS, FRAMES = 12, 60
SPANS = ((0.0, 5.0, 3), (0.0, 5.0, 20), (1.3, 3.9, 5), (2.9, 5.0, 8), (4.2, 4.9, 4))
HEVC = pytest.mark.skipif("libx265" not in av.codecs_available, reason="no encoder of HEVC")


def make_clip(path: Path, start: float = 0.0, end: float | None = None) -> Clip:
    return Clip("x", "ego", str(path), start, end=end, narration="text", take="take")


def decode_every_frame(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def write_coded(path: Path, codec: str, times: list[int], **settings: str) -> Path:
    """Write a video of moving noise; ``times`` of the frames are in ms."""
    rng = np.random.default_rng(3)
    base = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=FPS, options=settings)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        for i, time in enumerate(times):
            picture = np.roll(base, 2 * i, axis=1)
            picture[:8, i % 56 : i % 56 + 8] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


def assert_exact(path: Path, sampling: str = "egoexolearn") -> None:
    all_frames, file = decode_every_frame(path), read_media_info(str(path))
    info = file.video
    assert info is not None
    assert file.seconds is not None
    assert len(all_frames) == FRAMES
    for start, end, count in SPANS:
        indices = segment_centers(
            info.fps, FRAMES, start=start, end=min(end, file.seconds), count=count
        )
        clip = make_clip(path, start, end)
        decoded = decode_clip(clip, count, with_audio=False, sampling=sampling).frames
        assert decoded is not None
        assert np.array_equal(decoded.pixels, np.stack([all_frames[i] for i in indices]))


def assert_frames_in_span(path: Path, times: list[int]) -> None:
    """Every frame of a span has its time, ms, in the span, and is the one of that time."""
    all_frames = decode_every_frame(path)
    for start, end, count in SPANS:
        decoded = decode_clip(make_clip(path, start, end), count, with_audio=False).frames
        assert decoded is not None
        indices = [int(np.abs(np.array(times) - 1000 * time).argmin()) for time in decoded.times]
        assert np.allclose(np.array(times)[indices] / 1000, decoded.times, atol=2e-3)
        assert all(start <= times[i] / 1000 < max(end, start + 1) for i in indices)
        assert np.array_equal(decoded.pixels, np.stack([all_frames[i] for i in indices]))


STEADY = [round(1000 * i / FPS) for i in range(FRAMES)]


@pytest.mark.slow
@HEVC
@pytest.mark.parametrize("gop", [5, 12, 250])
@pytest.mark.parametrize(
    "kind", ["bframes=0", "bframes=4:open-gop=1", "bframes=4:open-gop=0", "bframes=8:b-pyramid=1"]
)
def test_frames_of_hevc_equal_a_sequential_decode(tmp_path: Path, gop: int, kind: str) -> None:
    settings = f"log-level=none:keyint={gop}:min-keyint={gop}:pools=1:frame-threads=1:{kind}"
    path = write_coded(tmp_path / "a.mp4", "libx265", STEADY, **{"x265-params": settings})
    assert_exact(path)


@pytest.mark.parametrize("gop", [3, 250])
@pytest.mark.parametrize("params", ["bframes=0", "bframes=5:open-gop=1:b-adapt=0"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_frames_of_a_variable_rate_equal_a_sequential_decode(
    tmp_path: Path, gop: int, params: str, suffix: str
) -> None:
    rng = np.random.default_rng(gop)
    steps = rng.choice([20, 40, 83, 150, 160], FRAMES - 1)
    times = [0, *np.cumsum(steps * (4900 / steps.sum())).astype(int).tolist()]
    settings = f"keyint={gop}:min-keyint={gop}:{params}"
    path = write_coded(tmp_path / f"a.{suffix}", "libx264", times, **{"x264-params": settings})
    assert_exact(path, "egoexolearn,clock=nominal")
    assert_frames_in_span(path, times)


def test_times_of_a_variable_rate_are_those_of_the_file(tmp_path: Path) -> None:
    times = [0, 100, 900, 1000, 1100, 3000, 3100, 4000, 4050, 4950]
    path = write_coded(tmp_path / "a.mp4", "libx264", times)
    decoded = decode_clip(make_clip(path), 10, with_audio=False, sampling="frozen-in-time").frames
    assert decoded is not None
    assert np.allclose(decoded.times, np.array(times) / 1000, atol=1e-3)


def encode_adts(path: Path, rate: int, layout: str) -> bytes:
    with av.open(str(path), "w", format="adts") as container:
        stream = container.add_stream("aac", rate=rate, layout=layout)
        wave = np.random.default_rng(0).normal(0, 0.1, (len(stream.layout.channels), rate))
        frame = av.AudioFrame.from_ndarray(wave.astype(np.float32), format="fltp", layout=layout)
        frame.rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()


@pytest.mark.parametrize("other", [(32_000, "stereo"), (48_000, "mono")])
def test_sound_that_changes_its_rate_or_channels_is_a_fault(
    tmp_path: Path, other: tuple[int, str]
) -> None:
    path = tmp_path / "a.aac"
    first = encode_adts(tmp_path / "b.aac", 48_000, "stereo")
    path.write_bytes(first + encode_adts(tmp_path / "c.aac", *other))
    with pytest.raises(MediaError, match="the sample rate or the channels") as caught:
        decode_audio(make_clip(path))
    assert caught.value.kind == "undecodable"


@pytest.mark.parametrize(
    ("rate", "layout"), [(48_000, "stereo"), (44_100, "mono"), (16_000, "5.1")]
)
def test_samples_do_not_depend_on_the_frames_of_the_audio_stream(
    tmp_path: Path, rate: int, layout: str
) -> None:
    """Mixed and resampled at once by hand, in double precision where it is a mean."""
    path = tmp_path / "a.mka"
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("pcm_f32le", rate=rate, layout=layout)
        channels = len(stream.layout.channels)
        wave = np.random.default_rng(1).uniform(-0.5, 0.5, (channels, rate * 5 // 2))
        wave = wave.astype(np.float32)
        for start in range(0, wave.shape[1], 700):
            packed = np.ascontiguousarray(wave[:, start : start + 700].T).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
            frame.rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    mean = wave.astype(np.float64).mean(0).astype(np.float32)
    once = av.AudioResampler(format="fltp", layout="mono", rate=16_000)
    frame = av.AudioFrame.from_ndarray(mean[None], format="fltp", layout="mono")
    frame.rate = rate
    parts = [*once.resample(frame), *(once.resample(None) if rate != 16_000 else [])]
    expected = np.concatenate([part.to_ndarray()[0] for part in parts])[: 16_000 * 5 // 2]
    samples = decode_audio(make_clip(path))
    assert samples is not None
    assert np.allclose(samples, expected, atol=1e-6)
