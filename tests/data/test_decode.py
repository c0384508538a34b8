import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_factory import SAMPLE_RATE, make_tone, remux_video, write_video

from egoexobench.data.decode import decode_audio, decode_clip, read_frame_times, read_media_info
from egoexobench.data.sampling import SAMPLERS, segment_centers
from egoexobench.data.sampling.egoinstructor import FRAMES_PER_FEATURE
from egoexobench.errors import DataError, MediaError, UsageError
from egoexobench.types import Clip

REAL = Path(os.environ.get("EGOEXOBENCH_MEDIA", "../shared/data/media"))


def make_clip(path: Path, start: float = 0.0, end: float | None = None) -> Clip:
    return Clip("x", "ego", str(path), start, end=end, narration="text", take="take")


def decode_every_frame(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def spectral_peak(samples: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(power) * SAMPLE_RATE / len(samples))


@pytest.mark.parametrize("span", [(0.0, None), (1.0, 3.0), (2.5, 4.0)])
def test_frames_equal_a_sequential_decode_by_index(
    tmp_path: Path, span: tuple[float, float | None]
) -> None:
    path = write_video(tmp_path / "a.mp4", seconds=4, fps=12)
    all_frames = decode_every_frame(path)
    indices = segment_centers(12, len(all_frames), start=span[0], end=span[1] or 4.0, count=6)
    decoded = decode_clip(make_clip(path, *span), 6, with_audio=False).frames
    assert decoded is not None
    assert np.array_equal(decoded.pixels, np.stack([all_frames[i] for i in indices]))
    assert np.allclose(decoded.times, indices / 12)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real clips in {REAL}")
def test_frames_of_real_clips_equal_a_sequential_decode() -> None:
    for path in sorted(REAL.glob("*.mp4")):
        all_frames = decode_every_frame(path)
        decoded = decode_clip(make_clip(path), 8, with_audio=True)
        indices = segment_centers(30, len(all_frames), start=0.0, end=len(all_frames) / 30, count=8)
        assert decoded.frames is not None
        assert np.array_equal(decoded.frames.pixels, np.stack([all_frames[i] for i in indices]))
        assert decoded.state == "no_track"


FRAME_RULES = [name for name in SAMPLERS if not name.startswith("egoinstructor-")]


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real clips in {REAL}")
@pytest.mark.parametrize("name", FRAME_RULES)
def test_every_rule_of_frames_picks_its_frames_of_a_real_clip(name: str) -> None:
    path = min(REAL.glob("*.mp4"), key=lambda one: one.stat().st_size)
    all_frames = decode_every_frame(path)
    fps = 30.0 if name.endswith("fps30") else read_media_info(str(path)).video.fps
    count = FRAMES_PER_FEATURE if name == "seconds" else 4
    for start, end in ((0.0, 0.9), (0.2, 0.8)):
        clip = make_clip(path, start, end)
        decoded = decode_clip(clip, count, with_audio=False, sampling=name).frames
        indices = SAMPLERS[name](fps, len(all_frames), start, end, count=count)
        assert decoded is not None
        assert np.array_equal(decoded.pixels, np.stack([all_frames[i] for i in indices]))


@pytest.mark.parametrize("name", ["egoexolearn", "every", "egovlp-clips"])
def test_the_times_of_frames_are_read_without_decoding_them(tmp_path: Path, name: str) -> None:
    clip = make_clip(write_video(tmp_path / "a.mp4", seconds=3, fps=12), 0.5, 2.25)
    decoded = decode_clip(clip, 4, with_audio=False, sampling=name).frames
    assert decoded is not None
    times = read_frame_times(clip, 4, sampling=name)
    assert np.array_equal(times, decoded.times)
    assert len(times) == (21 if name == "every" else 4)


def test_another_rule_gives_other_frames(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", seconds=4, fps=12)
    all_frames = decode_every_frame(path)
    pixels_by_rule = {}
    for name, indices in {
        # 12 frames from frame 24: segments of (12 - 1) / 3 frames, edges 24 28 31 35
        "egoexolearn": [26, 29, 33],
        "frozen-in-time": [7, 23, 39],  # the middles of 0-15, 16-31, 32-47
        "viclip": [0, 16, 32],
        "egovlp-clips": [25, 29, 33],  # the middles of 24-27, 28-31, 32-35
    }.items():
        decoded = decode_clip(make_clip(path, 2.0, 3.0), 3, with_audio=False, sampling=name).frames
        assert decoded is not None
        assert np.array_equal(decoded.pixels, np.stack([all_frames[i] for i in indices])), name
        assert np.allclose(decoded.times, np.array(indices) / 12)
        pixels_by_rule[name] = decoded.pixels.tobytes()
    assert len(set(pixels_by_rule.values())) == len(pixels_by_rule)


@pytest.mark.parametrize(
    ("name", "span", "count", "reason"),
    [
        ("viclip", (0.0, 2.0), 17, "the file has 16 frames, but 17 are needed"),
        ("seconds", (0.0, 2.0), 4, "must be a multiple of 8, got 4"),
        ("frozen-in-time", (0.0, 2.0), 17, "returns 16 frames"),
        ("lavila-single-file", (1.0, 0.5), 4, "is empty or after the file"),
        ("egoexolearn-fixed-fps30", (1.0, 2.0), 4, "starts at frame 30; the file has 16 frames"),
        ("egovlp-start-end", (1.5, 3.5), 4, "returns frame 17; the file has frames 0 to 15"),
    ],
)
def test_a_rule_without_frames_for_a_span_is_an_error_of_the_clip_with_the_reason(
    tmp_path: Path, name: str, span: tuple[float, float], count: int, reason: str
) -> None:
    path = write_video(
        tmp_path / "a.mp4", seconds=2, fps=8, waveform=make_tone(4)
    )  # it ends after its pictures
    with pytest.raises(MediaError, match=reason) as caught:
        decode_clip(make_clip(path, *span), count, with_audio=False, sampling=name)
    assert caught.value.kind == "not_sampled"
    assert name in str(caught.value)
    assert "clip x" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [("vclip", "Did you mean 'viclip'"), ("egoinstructor-mcq", "stored features")],
)
def test_an_unknown_sampling_rule_is_an_error_before_the_file_is_opened(
    tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        decode_clip(make_clip(tmp_path / "none.mp4"), 4, with_audio=True, sampling=name)
    assert "\n" not in str(caught.value)


def test_sound_is_mono_16_khz_of_the_span(tmp_path: Path) -> None:
    wave = np.concatenate([make_tone(2, 500), make_tone(2, 2000)], axis=1)
    path = write_video(tmp_path / "a.mp4", seconds=4, waveform=wave)
    late = decode_clip(make_clip(path, 2.2, 3.8), 0, with_audio=True).audio
    assert late is not None
    assert late.sample_rate == SAMPLE_RATE
    assert abs(len(late.waveform) - 1.6 * SAMPLE_RATE) <= 1
    assert abs(spectral_peak(late.waveform) - 2000) < 10


def test_the_mono_mix_is_the_mean_of_the_channels(tmp_path: Path) -> None:
    both = write_video(tmp_path / "both.mp4", waveform=make_tone(channels=2))
    left = write_video(
        tmp_path / "left.mp4", waveform=make_tone(channels=2) * np.array([[1], [0]], np.float32)
    )
    levels = {}
    for path in (both, left):
        sound = decode_clip(make_clip(path), 0, with_audio=True).audio
        assert sound is not None
        middle = sound.waveform[SAMPLE_RATE // 2 : 3 * SAMPLE_RATE // 2]
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
    sound = decode_clip(make_clip(path), 0, with_audio=True).audio
    assert sound is not None
    assert abs(len(sound.waveform) - SAMPLE_RATE) < 0.05 * SAMPLE_RATE
    assert abs(spectral_peak(sound.waveform) - 1000) < 10


@pytest.mark.parametrize(("rate", "level"), [(16_000, 0.0), (48_000, 0.2)])
def test_sound_is_decoded_at_the_rate_that_is_requested(
    tmp_path: Path, rate: int, level: float
) -> None:
    path = tmp_path / "a.mkv"
    time = np.arange(96_000) / 48_000
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=48_000, layout="mono")
        tones = np.sin(2 * np.pi * 500 * time) + np.sin(2 * np.pi * 15_000 * time)
        samples = (8000 * tones).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.rate, frame.time_base = 48_000, Fraction(1, 48_000)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    clip = make_clip(path, 0.5, 1.5)
    sound = decode_clip(clip, 0, with_audio=True, sample_rate=rate).audio
    assert sound is not None
    assert (sound.sample_rate, len(sound.waveform)) == (rate, rate)
    spectrum = np.abs(np.fft.rfft(sound.waveform)) / len(sound.waveform)  # a bin is 1 Hz
    above = spectrum[8500:] if len(spectrum) > 8500 else np.zeros(1)
    assert 2 * above.max() == pytest.approx(level, abs=0.06)  # nothing above 8 kHz at 16 kHz
    assert 2 * spectrum[500] == pytest.approx(8000 / 32768, abs=0.01)


def test_no_track_and_digital_silence_are_different_states_and_never_zeros(tmp_path: Path) -> None:
    without = decode_clip(make_clip(write_video(tmp_path / "a.mp4")), 2, with_audio=True)
    silent = decode_clip(
        make_clip(
            write_video(tmp_path / "b.mp4", waveform=np.zeros((1, 2 * SAMPLE_RATE), np.float32))
        ),
        2,
        with_audio=True,
    )
    assert (without.state, without.audio) == ("no_track", None)
    assert (silent.state, silent.audio) == ("silent", None)
    assert without.frames is not None


@pytest.mark.parametrize(
    ("span", "message"),
    [((1.0, 9.0), "ends after"), ((5.0, None), "ends after")],
)
def test_a_span_beyond_the_end_names_span_and_length(
    tmp_path: Path, span: tuple[float, float | None], message: str
) -> None:
    path = write_video(tmp_path / "a.mp4")
    with pytest.raises(DataError, match=message) as caught:
        decode_clip(make_clip(path, *span), 2, with_audio=False)
    assert "2.00 s long" in str(caught.value)


def test_a_missing_a_corrupt_and_a_truncated_file_are_one_line(tmp_path: Path) -> None:
    complete = write_video(tmp_path / "a.mp4", waveform=make_tone())
    corrupt, cut = tmp_path / "b.mp4", tmp_path / "c.mp4"
    corrupt.write_bytes(b"no media " * 100)
    cut.write_bytes(complete.read_bytes()[:-2000])
    for path in (tmp_path / "none.mp4", corrupt, cut):
        with pytest.raises(DataError, match=path.name) as caught:
            decode_clip(make_clip(path), 4, with_audio=True)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("codec", "kind"), [(b"V_MPEG4/ISO/AVC", "video"), (b"A_AAC", "audio")], ids=["video", "audio"]
)
def test_a_track_of_an_unknown_codec_is_one_line_that_names_the_file(
    tmp_path: Path, codec: bytes, kind: str
) -> None:
    film = write_video(tmp_path / "film.mp4", waveform=make_tone())
    path = remux_video(film, tmp_path / "film.mkv")
    path.write_bytes(path.read_bytes().replace(codec, codec[:2] + b"X" * len(codec[2:])))
    reason = rf"film\.mkv: the codec of its {kind} track is unknown"
    with pytest.raises(MediaError, match=reason):
        decode_clip(make_clip(path), 4, with_audio=True)
    if kind == "audio":
        with pytest.raises(MediaError, match=reason):
            decode_audio(make_clip(path))


def test_titles_in_another_encoding_do_not_matter(tmp_path: Path) -> None:
    path = write_video(tmp_path / "film.mp4", waveform=make_tone())
    frames = decode_clip(make_clip(path), 4, with_audio=True).frames
    content = path.read_bytes()
    assert b"VideoHandler" in content
    path.write_bytes(content.replace(b"VideoHandler", b"Vid\xe9oHandler"))
    again = decode_clip(make_clip(path), 4, with_audio=True).frames
    assert frames
    assert again
    assert np.array_equal(frames.pixels, again.pixels)


def test_a_track_that_begins_inside_a_file_is_one_line(tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", seconds=8.0)
    path = remux_video(film, tmp_path / "film.flv")
    body = b"\x2f" + bytes(300)  # MP3, which the header does not announce
    tag = b"\x08" + len(body).to_bytes(3) + (8000).to_bytes(3) + bytes(4) + body
    path.write_bytes(path.read_bytes() + tag + len(tag).to_bytes(4))
    with pytest.raises(MediaError, match=r"film\.flv: a track begins inside the file"):
        decode_clip(make_clip(path), 4, with_audio=False)


def write_coded(path: Path, *, frames: int = 48, fps: int = 12, **settings: str) -> Path:
    """Write a video with options of the encoder; a bright square moves over noise."""
    rng = np.random.default_rng(3)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps, options=settings)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        base = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        for i in range(frames):
            picture = np.roll(base, 2 * i, axis=1)
            picture[:8, i % 56 : i % 56 + 8] = 255
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
    return path


@pytest.mark.parametrize("gop", [1, 5, 250])
@pytest.mark.parametrize("kind", ["closed", "open", "pyramid", "none", "refresh"])
def test_only_what_is_needed_is_decoded_and_frames_stay_exact(
    tmp_path: Path, gop: int, kind: str
) -> None:
    more = {
        "closed": {"bf": "3"},
        "open": {"bf": "3", "x264-params": "open-gop=1"},
        "pyramid": {"bf": "8", "x264-params": "b-pyramid=normal:b-adapt=0"},
        "none": {"bf": "0"},
        "refresh": {"bf": "0", "x264-params": "intra-refresh=1"},
    }[kind]
    path = write_coded(tmp_path / "a.mp4", g=str(gop), keyint_min=str(gop), **more)
    all_frames = decode_every_frame(path)
    for start, end, count in ((0.0, 4.0, 3), (0.0, 4.0, 8), (1.3, 3.9, 5), (2.9, 4.0, 8)):
        span = start, end
        indices = segment_centers(12, 48, *span, count)
        decoded = decode_clip(make_clip(path, *span), count, with_audio=False).frames
        assert decoded is not None
        assert np.array_equal(decoded.pixels, np.stack([all_frames[i] for i in indices]))


@pytest.mark.parametrize("suffix", ["mkv", "ts", "avi", "mov"])
def test_frames_are_exact_in_other_containers(tmp_path: Path, suffix: str) -> None:
    path = write_coded(tmp_path / f"a.{suffix}", g="6", bf="0" if suffix == "avi" else "2")
    all_frames = decode_every_frame(path)
    indices = segment_centers(12, 48, start=1.0, end=3.5, count=5)
    decoded = decode_clip(make_clip(path, 1.0, 3.5), 5, with_audio=False).frames
    assert decoded is not None
    assert np.array_equal(decoded.pixels, np.stack([all_frames[i] for i in indices]))


def shift_packets(source: Path, path: Path, seconds: float, only: str = "") -> Path:
    """A copy whose packets, or those of one sort, come that much later."""
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        streams = {stream: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if packet.pts is None:
                continue
            if not only or packet.stream.type == only:
                ticks = round(seconds / packet.time_base)
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
            packet.stream = streams[packet.stream]
            new.mux(packet)
    return path


def test_frames_that_an_edit_list_hides_are_not_counted(tmp_path: Path) -> None:
    path = shift_packets(write_coded(tmp_path / "a.mp4", g="250"), tmp_path / "b.mp4", -1.0)
    with av.open(str(path)) as container:
        hidden = sum(packet.is_discard for packet in container.demux(video=0))
    assert hidden == 12
    all_frames = decode_every_frame(path)
    assert len(all_frames) == 36
    decoded = decode_clip(make_clip(path), 4, with_audio=False).frames
    assert decoded is not None
    indices = segment_centers(12, 36, start=0.0, end=3.0, count=4)
    assert np.array_equal(decoded.pixels, np.stack([all_frames[i] for i in indices]))


def test_pictures_that_start_late_keep_their_time_and_are_never_those_of_another_span(
    tmp_path: Path,
) -> None:
    source = write_video(tmp_path / "a.mp4", seconds=4, fps=12, waveform=make_tone(8))
    path = shift_packets(source, tmp_path / "b.mp4", 3.0, only="video")
    with pytest.raises(MediaError, match=r"starts at 3\.00 s, after the clip 0-2 s") as caught:
        decode_clip(make_clip(path, 0.0, 2.0), 4, with_audio=False)
    assert caught.value.kind == "late_video"
    all_frames = decode_every_frame(path)
    decoded = decode_clip(make_clip(path, 4.0, 6.0), 4, with_audio=False).frames
    assert decoded is not None
    indices = segment_centers(12, 48, start=1.0, end=3.0, count=4)
    assert np.array_equal(decoded.pixels, np.stack([all_frames[i] for i in indices]))
    assert np.allclose(decoded.times, 3.0 + indices / 12)


def test_a_broadcast_stream_counts_from_its_own_beginning(tmp_path: Path) -> None:
    wave = np.concatenate([make_tone(2, 500), make_tone(2, 2000)], axis=1)
    source = write_video(tmp_path / "a.mp4", seconds=4, waveform=wave)
    path = shift_packets(source, tmp_path / "b.ts", 2.0)
    with av.open(str(path)) as container:
        assert container.start_time / av.time_base > 1
    for span, hertz in (((0.2, 1.8), 500), ((2.2, 3.8), 2000)):
        samples = decode_audio(make_clip(path, *span))
        assert samples is not None
        assert abs(spectral_peak(samples) - hertz) < 10


def move_header_to_front(source: Path, path: Path) -> Path:
    """A copy with its header in front."""
    with (
        av.open(str(source)) as old,
        av.open(str(path), "w", options={"movflags": "faststart"}) as new,
    ):
        streams = {stream: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if packet.pts is not None:
                packet.stream = streams[packet.stream]
                new.mux(packet)
    return path


def test_a_file_cut_after_its_header_is_truncated_and_not_shorter(tmp_path: Path) -> None:
    complete = move_header_to_front(write_video(tmp_path / "a.mp4", seconds=4), tmp_path / "b.mp4")
    size = complete.stat().st_size
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(complete.read_bytes()[: size // 2])
    assert read_media_info(str(cut)).seconds == pytest.approx(4.0)
    with pytest.raises(MediaError, match=r"says that the video lasts 4\.00 s") as caught:
        decode_clip(make_clip(cut, 0.0, 1.0), 2, with_audio=False)
    assert caught.value.kind == "truncated"
    assert caught.value.reason in str(caught.value)
    assert "clip x" in str(caught.value)


def test_a_probe_says_what_the_tracks_are(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", seconds=2, fps=8, waveform=make_tone(channels=2))
    info = read_media_info(str(path))
    assert info.video is not None
    assert info.audio is not None
    assert (info.video.codec, info.video.width, info.video.height) == ("h264", 64, 64)
    assert (info.video.fps, info.video.seconds) == (8, 2)
    assert (info.audio.codec, info.audio.sample_rate, info.audio.channels) == (
        "aac",
        SAMPLE_RATE,
        2,
    )
    assert read_media_info(str(write_video(tmp_path / "b.mp4"))).audio is None


def test_an_empty_track_gives_no_samples_and_no_track_gives_none(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=8)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        picture = np.zeros((64, 64, 3), np.uint8)
        for _ in range(8):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
    samples = decode_audio(make_clip(path))
    assert samples is not None
    assert samples.size == 0
    assert decode_clip(make_clip(path), 0, with_audio=True).state == "silent"
    assert decode_audio(make_clip(write_video(tmp_path / "b.mp4"))) is None


@pytest.mark.parametrize(("codec", "steps"), [("pcm_s16le", 2**15), ("pcm_u8", 2**7)])
def test_whole_numbers_become_samples_between_minus_one_and_one(
    tmp_path: Path, codec: str, steps: int
) -> None:
    path = tmp_path / "a.wav"
    wave = make_tone(1.0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=SAMPLE_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.rate = SAMPLE_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    samples = decode_audio(make_clip(path))
    assert samples is not None
    assert np.abs(samples - wave[0]).max() <= 1 / steps
