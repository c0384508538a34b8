"""Pictures and sound of spans of films that say what time it is, in what PyAV can write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
from telling_film import FPS, SECONDS, TellingFilm, read_number, read_tone, render_film

from egoexobench.data.decode import decode_audio, decode_clip
from egoexobench.data.downmix import AUDIO_SAMPLE_RATE
from egoexobench.data.sampling import segment_centers
from egoexobench.types import Clip

SPANS = ((0.0, 1.5), (2.0, 4.0), (1.3, 2.9))
NUM_FRAMES = 4
X264 = {"preset": "ultrafast", "g": "25"}
B_FRAMES = {"preset": "superfast", "g": "50", "bf": "3"}
X265 = {"preset": "ultrafast", "x265-params": "log-level=none:pools=1:frame-threads=1"}
VPX = {"deadline": "realtime", "cpu-used": "8"}
SVT = {"preset": "8", "crf": "8", "svtav1-params": "lp=1:enable-tf=0"}


def list_codings() -> Mapping[str, TellingFilm]:
    """Undisturbed films: every container and codec."""
    h264 = TellingFilm(suffix="mp4", video_options=X264)
    hevc = TellingFilm(suffix="mp4", video="libx265", video_options=X265)
    mpeg4 = TellingFilm(suffix="mp4", video="mpeg4")
    mpeg2 = TellingFilm(suffix="mpg", video="mpeg2video", audio="mp2")
    mpeg1 = TellingFilm(suffix="mpg", video="mpeg1video", audio="mp2")
    vp8 = TellingFilm(suffix="webm", video="libvpx", audio="libopus", video_options=VPX)
    vp9 = TellingFilm(suffix="webm", video="libvpx-vp9", audio="libopus", video_options=VPX)
    av1 = TellingFilm(suffix="webm", video="libsvtav1", audio="libopus", video_options=SVT)
    pcm = TellingFilm(suffix="mov", audio="pcm_s16le")
    mjpeg = replace(pcm, video="mjpeg", pix_fmt="yuvj420p")
    prores = replace(pcm, video="prores_ks", pix_fmt="yuv422p10le")
    raw = replace(pcm, video="rawvideo")
    windows = TellingFilm(suffix="wmv", video="wmv2", audio="wmav2")
    return {
        **{f"h264-{s}": replace(h264, suffix=s) for s in ("mp4", "mov", "mkv", "avi", "ts", "flv")},
        **{f"h264-{s}": replace(h264, suffix=s) for s in ("3gp", "nut", "m4v", "f4v", "m2ts")},
        "h264-asf": replace(h264, suffix="asf", audio="wmav2"),
        "h264-mxf": replace(pcm, suffix="mxf", video_options=X264),
        "h264-mp4-fragments": replace(
            h264, container_options={"movflags": "frag_keyframe+empty_moov"}
        ),
        "h264-mp4-faststart": replace(h264, container_options={"movflags": "faststart"}),
        **{f"hevc-{s}": replace(hevc, suffix=s) for s in ("mp4", "mov", "mkv", "ts")},
        **{f"mpeg4-{s}": replace(mpeg4, suffix=s) for s in ("mp4", "mov", "mkv", "3gp", "nut")},
        "mpeg4-avi": replace(mpeg4, suffix="avi", audio="libmp3lame"),
        "mpeg4-asf": replace(mpeg4, suffix="asf", audio="wmav2"),
        **{f"mpeg2-{s}": replace(mpeg2, suffix=s) for s in ("mpg", "ts", "mkv")},
        "mpeg2-vob": replace(mpeg2, suffix="vob", audio="ac3"),
        "mpeg2-avi": replace(mpeg2, suffix="avi", audio="ac3"),
        "mpeg2-mxf": replace(mpeg2, suffix="mxf", audio="pcm_s16le"),
        **{f"mpeg1-{s}": replace(mpeg1, suffix=s) for s in ("mpg", "ts", "mkv")},
        **{f"vp8-{s}": replace(vp8, suffix=s) for s in ("webm", "mkv", "ogv")},
        "vp8-avi": replace(vp8, suffix="avi", audio="libmp3lame"),
        **{f"vp9-{s}": replace(vp9, suffix=s) for s in ("webm", "mkv", "mp4")},
        **{f"av1-{s}": replace(av1, suffix=s) for s in ("webm", "mkv", "mp4")},
        **{f"mjpeg-{s}": replace(mjpeg, suffix=s) for s in ("mov", "avi", "mkv")},
        **{f"prores-{s}": replace(prores, suffix=s) for s in ("mov", "mkv", "mxf")},
        **{f"raw-{s}": replace(raw, suffix=s) for s in ("avi", "nut", "mkv")},
        "raw-mov": replace(raw, pix_fmt="uyvy422"),
        "ffv1-mkv": replace(pcm, suffix="mkv", video="ffv1", audio="flac"),
        "ffv1-avi": replace(pcm, suffix="avi", video="ffv1"),
        "huffyuv-avi": replace(pcm, suffix="avi", video="huffyuv", pix_fmt="yuv422p"),
        "snow-avi": replace(pcm, suffix="avi", video="snow"),
        "zmbv-avi": replace(pcm, suffix="avi", video="zmbv", pix_fmt="bgr0"),
        "cinepak-avi": replace(pcm, suffix="avi", video="cinepak", audio="pcm_u8", pix_fmt="rgb24"),
        "msmpeg4-avi": replace(pcm, suffix="avi", video="msmpeg4", audio="adpcm_ms"),
        "msmpeg4-asf": replace(windows, suffix="asf", video="msmpeg4"),
        "wmv1-wmv": replace(windows, video="wmv1", audio="wmav1"),
        "wmv2-wmv": windows,
        "h263-3gp": TellingFilm(
            suffix="3gp", video="h263", audio="libopencore_amrnb", sample_rate=8000
        ),
        "flv1-flv": TellingFilm(suffix="flv", video="flv", audio="libmp3lame", sample_rate=44_100),
        "rv20-rm": TellingFilm(suffix="rm", video="rv20", audio="ac3"),
        "svq1-mov": replace(pcm, video="svq1", audio="adpcm_ima_qt", pix_fmt="yuv410p"),
        "qtrle-mov": replace(pcm, video="qtrle", audio="pcm_s16be", pix_fmt="rgb24"),
        "jpeg2000-mov": replace(pcm, video="jpeg2000"),
        "png-mov": replace(pcm, video="png", pix_fmt="rgb24"),
        "alac-mov": replace(h264, suffix="mov", audio="alac"),
        "mp3-mkv": replace(h264, suffix="mkv", audio="libmp3lame"),
        "eac3-ts": replace(h264, suffix="ts", audio="eac3"),
        "gif": TellingFilm(suffix="gif", video="gif", audio=None, pix_fmt="rgb8"),
        "no-sound-mp4": replace(h264, audio=None),
        "no-pictures-wav": TellingFilm(suffix="wav", video=None, audio="pcm_s16le"),
    }


CONTAINERS: Mapping[str, TellingFilm] = {
    "mp4": TellingFilm(suffix="mp4", video_options=B_FRAMES),
    "mov": TellingFilm(suffix="mov", video_options=B_FRAMES, audio="pcm_s16le"),
    "mkv": TellingFilm(suffix="mkv", video_options=B_FRAMES),
    "mkv-mpeg4": TellingFilm(suffix="mkv", video="mpeg4", audio="libmp3lame"),
    "webm": TellingFilm(suffix="webm", video="libvpx", audio="libopus", video_options=VPX),
    "avi": TellingFilm(suffix="avi", video="mpeg4", audio="pcm_s16le"),
    "avi-h264": TellingFilm(suffix="avi", video_options=X264, audio="libmp3lame"),
    "ts": TellingFilm(suffix="ts", video_options=B_FRAMES),
    "ts-mpeg2": TellingFilm(suffix="ts", video="mpeg2video", audio="mp2"),
    "mpg": TellingFilm(suffix="mpg", video="mpeg2video", audio="mp2"),
    "flv": TellingFilm(suffix="flv", video_options=X264),
    "asf": TellingFilm(suffix="asf", video="mpeg4", audio="wmav2"),
    "nut": TellingFilm(suffix="nut", video_options=X264, audio="pcm_s16le"),
    "3gp": TellingFilm(suffix="3gp", video="mpeg4"),
}
ALL_NUMBERS = tuple(range(round(SECONDS * FPS)))
DROPPED = tuple(
    n for n in ALL_NUMBERS if n % 7 not in (2, 3) and not 60 <= n < 75 and not 110 <= n < 117
)
TWO_RATES = tuple(n for n in ALL_NUMBERS if n < 75 or n % 5 == 0)
CLOCKED = ("mp4", "mov", "mkv", "mkv-mpeg4", "webm", "ts", "ts-mpeg2", "mpg", "flv", "nut", "3gp")
"""Containers that give a packet of sound a time; AVI counts its samples instead."""
GAPPED = tuple(name for name in CLOCKED if name != "mov")
"""Of those, the ones in which PyAV writes the gap of uncompressed sound."""
VARIABLE = tuple(name for name in CONTAINERS if name != "mpg")
"""Containers in which PyAV writes a variable rate at its own times."""
MP4_KIND = ("mp4", "mov", "3gp")
SEVERAL_TRACKS = ("mp4", "mov", "mkv", "mkv-mpeg4", "nut", "3gp")
"""Containers that say which track is the default one."""
DISTURBANCES: Mapping[str, tuple[Sequence[str], Callable[[TellingFilm], TellingFilm]]] = {
    "late-sound": (CLOCKED, lambda film: replace(film, sounding=((0.8, SECONDS),))),
    "late-pictures": (CLOCKED, lambda film: replace(film, numbers=ALL_NUMBERS[20:])),
    "sound-gap": (GAPPED, lambda film: replace(film, sounding=((0.0, 2.3), (3.1, SECONDS)))),
    "sound-ends-first": ([*CLOCKED, "avi"], lambda film: replace(film, sounding=((0.0, 2.6),))),
    "camera-drops": (VARIABLE, lambda film: replace(film, numbers=DROPPED)),
    "two-rates": (VARIABLE, lambda film: replace(film, numbers=TWO_RATES)),
    "later-clock": (CLOCKED, lambda film: replace(film, shift=5.0)),
    "negative-start": (MP4_KIND, lambda film: replace(film, shift=-0.6, origin=0.6)),
    "second-sound": (SEVERAL_TRACKS, lambda film: replace(film, has_decoy_sound=True)),
    "cover": (("mkv", "mkv-mpeg4", "mp4"), lambda film: replace(film, has_cover=True)),
    "rotation-90": (("mp4", "mov", "mkv"), lambda film: replace(film, rotation=90)),
    "rotation-180": (("mp4",), lambda film: replace(film, rotation=180)),
    "stereo": (("mp4", "mpg", "avi"), lambda film: replace(film, layout="stereo")),
    "5.1": (("mp4", "webm", "ts"), lambda film: replace(film, layout="5.1")),
}
KNOWN_FAULTS: Mapping[str, Sequence[str]] = {
    "FFmpeg takes the times of H.264 in ASF for those of decoding": ["h264-asf"],
}
"""Films that are not decoded rightly, by the reason, as patterns of names."""


def list_disturbed() -> Mapping[str, TellingFilm]:
    """Return the disturbed films."""
    return {
        f"{name}-{container}": disturb(CONTAINERS[container])
        for name, (containers, disturb) in DISTURBANCES.items()
        for container in containers
    }


FILMS = {**list_codings(), **list_disturbed()}
FAST = (
    "h264-mp4",
    "mpeg2-mpg",
    "vp8-webm",
    "av1-mkv",
    "late-sound-mkv",
    "late-pictures-mp4",
    "sound-gap-mkv",
    "camera-drops-mkv-mpeg4",
    "two-rates-mp4",
    "negative-start-mov",
    "second-sound-mkv",
    "cover-mkv",
    "rotation-90-mp4",
    "5.1-webm",
)
"""Films of the fast set, one for each kind of disturbance."""
TOLERANCE_S = 0.045
"""What a container may round or shift, s: an encoder's priming is up to 43 ms."""
TONE_TOLERANCE_S = 0.03


def make_clip(path: Path, start: float, end: float | None) -> Clip:
    return Clip("x", "ego", str(path), start, end=end, narration="text", take="take")


def check_pictures(film: TellingFilm, path: Path, start: float, end: float) -> float:
    """Check the pictures of a span; return the story time at which the file starts."""
    frames = decode_clip(make_clip(path, start, end), NUM_FRAMES, with_audio=True).frames
    assert frames is not None
    upright = np.rot90(frames.pixels, -film.rotation // 90, axes=(1, 2))
    numbers = [read_number(pixels) for pixels in upright]
    presented = film.list_numbers(start - TOLERANCE_S, end)
    assert set(numbers) <= set(presented), f"{numbers} are not in {start:g}-{end:g} s"
    exact = film.list_numbers(start, end)
    rate = len(exact) / (end - start)
    rule = segment_centers(rate, len(exact), 0.0, end - start, count=NUM_FRAMES)
    distances = [
        abs(presented.index(n) - presented.index(exact[i]))
        for n, i in zip(numbers, rule, strict=True)
    ]
    assert max(distances) <= 1, f"{numbers}, but the rule reads {[exact[i] for i in rule]}"
    starts = np.array(numbers) / FPS - frames.times
    assert np.ptp(starts) < 0.01, f"pictures {numbers} at {frames.times.tolist()} s"
    assert starts[0] == pytest.approx(film.origin, abs=TOLERANCE_S)
    return float(starts[0])


def check_sound(film: TellingFilm, path: Path, start: float, end: float, *, origin: float) -> None:
    """Check the sound of a span against the clock of its pictures."""
    clip = make_clip(path, start, end)
    samples = decode_audio(clip)
    assert samples is not None
    with_frames = decode_clip(clip, NUM_FRAMES if film.video else 0, with_audio=True).samples
    assert with_frames is not None
    assert np.array_equal(samples, with_frames), "frames in the same call move the sound"
    num_expected = round((end - start) * AUDIO_SAMPLE_RATE)
    assert len(samples) == num_expected, f"{len(samples)} samples, but {num_expected} in the span"
    for offset in np.arange(0.0, end - start - 0.06, 0.1):
        story = start + offset + origin
        tone = read_tone(samples, offset, AUDIO_SAMPLE_RATE)
        if film.is_sounding(story - 0.05, story + 0.11):
            assert abs(tone - story) < TONE_TOLERANCE_S, f"sound of {tone:.2f} s at {story:.2f} s"
        elif film.is_silent(story - 0.05, story + 0.11):
            assert np.isnan(tone), f"sound of {tone:.2f} s at {story:.2f} s, where there is none"


def check_film(film: TellingFilm, path: Path) -> None:
    """Check pictures and sound of some spans of a film, each against the film's own truth."""
    for start, end in SPANS:
        origin = check_pictures(film, path, start, end) if film.video else film.origin
        if film.audio:
            check_sound(film, path, start, end, origin=origin)
        else:
            assert decode_audio(make_clip(path, start, end)) is None


def mark_film(name: str) -> object:
    marks = [] if name in FAST else [pytest.mark.slow]
    for reason, patterns in KNOWN_FAULTS.items():
        if any(fnmatch(name, pattern) for pattern in patterns):
            marks.append(pytest.mark.xfail(strict=True, reason=reason))
    return pytest.param(name, marks=marks)


@pytest.mark.parametrize("name", [mark_film(name) for name in FILMS])
def test_a_span_shows_and_sounds_what_the_film_says(tmp_path: Path, name: str) -> None:
    film = FILMS[name]
    check_film(film, render_film(film, tmp_path / f"film.{film.suffix}"))
