"""A span is inspected by the code of a run, and the report says what a run reads."""

from pathlib import Path

import numpy as np
import pytest
from telling_film import TellingFilm, read_number, render_film

from egoexobench.data.decode import DecodedClip, decode_clip
from egoexobench.data.doctor.inspect_media import ReadingRule, inspect_file
from egoexobench.data.doctor.inspect_span import SpanInspection, inspect_span
from egoexobench.data.doctor.span_report import format_inspection
from egoexobench.data.sampling import DEFAULT_SAMPLING
from egoexobench.errors import MediaError
from egoexobench.types import Clip

FAST = {"preset": "ultrafast"}
H264 = TellingFilm(suffix="mkv", video_options=FAST)


def inspect_film(
    film: TellingFilm, folder: Path, *, start: float = 2.0, end: float | None = 4.0
) -> tuple[SpanInspection, DecodedClip | None]:
    path = render_film(film, folder / f"film.{film.suffix}")
    return inspect_span(str(path), start, end, num_frames=4, sampling=DEFAULT_SAMPLING)


def test_frames_have_the_index_and_time_that_their_pictures_say(tmp_path: Path) -> None:
    report, decoded = inspect_film(H264, tmp_path)
    assert decoded is not None
    assert decoded.frames is not None
    assert report.video is not None
    numbers = [read_number(pixels) for pixels in decoded.frames.pixels]
    assert [frame.index for frame in report.video.frames] == numbers
    assert [frame.offset for frame in report.video.frames] == pytest.approx(
        [number / 25 - 2.0 for number in numbers], abs=0.002
    )


def test_the_track_that_is_decoded_has_a_reason_and_the_others_have_none(tmp_path: Path) -> None:
    film = TellingFilm(suffix="mkv", video_options=FAST, has_decoy_sound=True)
    report, _ = inspect_film(film, tmp_path)
    reasons = {track.index: track.reason for track in report.tracks}
    assert reasons[0] == ""
    assert "default" in reasons[2]
    assert "track 0: audio aac, not used" in "\n".join(format_inspection(report))


def test_sound_that_starts_late_has_a_start_and_a_silence(tmp_path: Path) -> None:
    film = TellingFilm(suffix="mkv", video_options=FAST, sounding=((2.8, 6.0),))
    report, _ = inspect_film(film, tmp_path)
    assert report.audio is not None
    assert report.audio.start == pytest.approx(0.8, abs=0.05)
    assert report.audio.silences == ((0.0, pytest.approx(report.audio.start)),)


def test_a_variable_rate_says_what_the_release_reads(tmp_path: Path) -> None:
    numbers = tuple(n for n in range(150) if n < 50 or n % 5 == 0)
    report, _ = inspect_film(
        TellingFilm(suffix="mkv", video_options=FAST, numbers=numbers), tmp_path
    )
    assert report.video is not None
    assert not report.video.is_constant_rate
    assert "clock=nominal" in "\n".join(format_inspection(report))


def test_a_span_that_a_run_cannot_use_has_the_reason_of_the_run(tmp_path: Path) -> None:
    film = TellingFilm(suffix="mp4", video_options=FAST, numbers=tuple(range(50, 150)))
    report, decoded = inspect_film(film, tmp_path, start=0.5, end=1.5)
    assert decoded is None
    assert report.problem is not None
    clip = Clip("x", "ego", report.path, 0.5, end=1.5, narration="", take="")
    with pytest.raises(MediaError) as caught:
        decode_clip(clip, 4, with_audio=True)
    assert (report.problem.kind, report.problem.reason) == (caught.value.kind, caught.value.reason)


def test_a_file_without_a_film_is_only_heard(tmp_path: Path) -> None:
    report, decoded = inspect_film(
        TellingFilm(suffix="wav", video=None, audio="pcm_s16le"), tmp_path, end=None
    )
    assert decoded is not None
    assert report.num_frames == 0
    assert "A run that only listens can use this span." in "\n".join(format_inspection(report))


def test_the_check_of_a_file_fails_where_the_frames_of_a_run_do(tmp_path: Path) -> None:
    """Two frames of this span decode, and eight do not: a damaged picture lies between them."""
    film = TellingFilm(suffix="avi", video="mjpeg", audio="pcm_s16le", pix_fmt="yuvj420p")
    path = render_film(film, tmp_path / "film.avi")
    clip = Clip("x", "ego", str(path), 0.0, end=6.0, narration="", take="")
    sampled = decode_clip(clip, 8, with_audio=False).sampled
    assert sampled is not None
    overwrite_picture(path, sampled.indices[0])
    (usable,) = inspect_file(str(path), [(0.0, 6.0)], ReadingRule(2, DEFAULT_SAMPLING)).spans
    assert usable.problem is None
    decode_clip(clip, 2, with_audio=True)
    (refused,) = inspect_file(str(path), [(0.0, 6.0)], ReadingRule(8, DEFAULT_SAMPLING)).spans
    assert refused.problem is not None
    with pytest.raises(MediaError) as caught:
        decode_clip(clip, 8, with_audio=True)
    assert refused.problem.reason == caught.value.reason


def overwrite_picture(path: Path, index: int) -> None:
    """Overwrite one picture of an AVI of JPEG pictures."""
    data = bytearray(path.read_bytes())
    position = data.index(b"movi")
    for _ in range(index + 1):
        position = data.index(b"00dc", position + 1)
    size = int.from_bytes(data[position + 4 : position + 8], "little")
    data[position + 8 : position + 8 + size] = bytes(size)
    path.write_bytes(data)


def test_channels_that_cancel_are_no_plain_silence(tmp_path: Path) -> None:
    film = TellingFilm(
        suffix="mkv", video_options=FAST, audio="pcm_s16le", layout="stereo", is_antiphase=True
    )
    path = render_film(film, tmp_path / "film.mkv")
    (span,) = inspect_file(str(path), [(2.0, 4.0)]).spans
    assert span.channels_cancel
    assert span.level is not None
    assert np.isclose(span.level.peak, 0.0, atol=1e-4)
