"""Files of kinds that real cameras, cutters and browsers write, whose pictures and sound tell time.

Picture n of the shared films shows n in binary in its 12 lower squares, lowest bit first, and the
sound at time t is a tone of 400 + 200 t Hz.
"""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np
import pytest
from media_factory import SAMPLE_RATE, make_tone, remux_video, write_video
from numpy.typing import NDArray

from egoexobench.data.decode import decode_clip, decode_clip_audio, read_media_info
from egoexobench.data.decoded_clip import DecodedClip
from egoexobench.errors import MediaError
from egoexobench.types import Clip

CASES = Path(os.environ.get("EGOEXOBENCH_CASES", "../shared/cases"))
FRAME_RATE = 25

shared = pytest.mark.skipif(not CASES.is_dir(), reason=f"no files of hard cases in {CASES}")


def make_clip(path: Path, start: float, end: float | None) -> Clip:
    return Clip("x", "ego", str(path), start, end=end, narration="text", take="take")


def read_number(image: NDArray[np.uint8]) -> int:
    """The number of a picture ``(H, W, 3)``."""
    height, width = image.shape[:2]
    number = 0
    for bit in range(12):
        row, column = divmod(bit, 6)
        y = int((48 + 32 * row) / 96 * height)
        x = int((24 + 16 * column) / 128 * width)
        square = image[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
        number |= int(square.mean() > 125) << bit
    return number


def read_time(samples: NDArray[np.float32], at: float) -> float:
    """The time that the sound tells, ``at`` seconds after its start."""
    window = round(0.06 * SAMPLE_RATE)
    part = samples[round(at * SAMPLE_RATE) :][:window]
    assert len(part) == window
    assert np.abs(part).max() > 1e-3
    spectrum = np.abs(np.fft.rfft(part * np.hanning(window), 1 << 16))
    return (float(spectrum.argmax()) * SAMPLE_RATE / (1 << 16) - 400) / 200 - 0.03


def decode_frames(name: str, start: float, end: float | None, count: int = 4) -> DecodedClip:
    clip = make_clip(CASES / name, start, end)
    return decode_clip(clip, count, with_audio=False)


def read_numbers(decoded: DecodedClip) -> list[int]:
    assert decoded.frames is not None
    return [read_number(image) for image in decoded.frames.pixels]


def decode_samples(name: str, start: float, end: float | None) -> NDArray[np.float32]:
    samples, _ = decode_clip_audio(make_clip(CASES / name, start, end))
    assert samples is not None
    return samples


@shared
@pytest.mark.parametrize(
    ("name", "span", "numbers"),
    [
        ("base.mp4", (2, 4), [56, 68, 80, 93]),
        ("time/bframes.avi", (2, 4), [56, 68, 80, 93]),
        ("time/joined_by_cat.ts", (0, 1.5), [4, 13, 23, 32]),
        ("time/late_sound.mkv", (2, 4), [56, 68, 80, 93]),
        ("tracks/cover_first.mkv", (2, 4), [56, 68, 80, 93]),
        ("refused/program_stream.mpg", (2, 4), [56, 68, 80, 93]),
        ("refused/recorded_in_a_browser.webm", (1, 3), [31, 43, 55, 68]),
    ],
)
def test_frames_are_those_of_a_sequential_decode(
    name: str, span: tuple[float, float], numbers: list[int]
) -> None:
    assert read_numbers(decode_frames(name, *span)) == numbers


@shared
@pytest.mark.parametrize(
    ("name", "span", "numbers"),
    [
        ("time/two_rates.mp4", (2, 4), range(20, 40)),
        ("time/camera_drops.mp4", (4, 6), range(100, 150)),
    ],
)
@pytest.mark.parametrize("count", [1, 4, 16])
def test_frames_of_a_variable_rate_lie_in_the_span(
    name: str, span: tuple[float, float], numbers: range, count: int
) -> None:
    decoded = decode_frames(name, *span, count=count)
    assert set(read_numbers(decoded)) <= set(numbers)
    assert decoded.sampled is not None
    assert not decoded.sampled.is_constant
    assert decoded.sampled.indices != decoded.sampled.nominal_indices


@shared
def test_the_nominal_clock_reads_the_frames_of_the_release() -> None:
    clip = make_clip(CASES / "time/two_rates.mp4", 2, 4)
    sampling = "egoexolearn,clock=nominal"
    decoded = decode_clip(clip, 4, with_audio=False, sampling=sampling)
    assert read_numbers(decoded) == [55, 67, 78, 90]


@shared
def test_the_length_of_a_joined_stream_is_that_of_all_its_parts() -> None:
    seconds = read_media_info(str(CASES / "time/joined_by_cat.ts")).seconds
    assert seconds == pytest.approx(3.8, abs=0.11)
    assert read_numbers(decode_frames("time/joined_by_cat.ts", 2.2, 3.4))[0] < 20


@shared
@pytest.mark.parametrize(
    ("name", "span", "times"),
    [
        ("base.mp4", (2, 4), {0.1: 2.1, 1.5: 3.5}),
        ("time/late_sound.mkv", (2, 4), {0.1: 1.3}),
        ("time/late_sound.mp4", (0, 3), {1.0: 0.2, 2.0: 1.2}),
        ("time/sound_gap.mkv", (2, 6), {0.1: 2.1, 3.1: 5.1}),
        ("time/joined_by_cat.ts", (0, 1.5), {0.1: 0.1, 1.0: 1.0}),
        ("tracks/second_sound_is_default.mkv", (2, 4), {0.1: 2.1}),
        ("refused/program_stream.mpg", (2, 4), {0.1: 2.1}),
        ("refused/program_stream.mpg", (3.33, 4.5), {0.1: 3.43}),
        ("refused/recorded_in_a_browser.webm", (1, 3), {0.1: 1.1}),
    ],
)
def test_sound_is_on_the_clock_of_the_frames_and_as_long_as_the_span(
    name: str, span: tuple[float, float], times: dict[float, float]
) -> None:
    samples = decode_samples(name, *span)
    assert len(samples) == round((span[1] - span[0]) * SAMPLE_RATE)
    for at, time in times.items():
        assert read_time(samples, at) == pytest.approx(time, abs=0.02)
    together = decode_clip(make_clip(CASES / name, *span), 4, with_audio=True).audio
    assert together is not None
    assert np.array_equal(together.waveform, samples)


@shared
def test_a_late_start_and_a_gap_are_silence() -> None:
    late = decode_samples("time/late_sound.mp4", 0, 3)
    assert np.abs(late[: round(0.73 * SAMPLE_RATE)]).max() < 1e-3
    samples, report = decode_clip_audio(make_clip(CASES / "time/sound_gap.mkv", 2, 6))
    assert samples is not None
    assert report is not None
    assert np.abs(samples[round(1.1 * SAMPLE_RATE) : round(2.9 * SAMPLE_RATE)]).max() < 1e-3
    assert [np.round(silence, 1).tolist() for silence in report.silences] == [[1.0, 3.1]]


@shared
def test_a_span_without_frames_or_without_sound_is_a_fault_of_its_own() -> None:
    with pytest.raises(MediaError, match=r"ends at 3\.12 s, before the clip 4-6 s") as caught:
        decode_frames("time/pictures_end_first.mp4", 4, 6)
    assert caught.value.kind == "no_frames"
    with pytest.raises(MediaError, match=r"has no sound in the clip 0-0\.5 s") as caught:
        decode_samples("time/late_sound.mp4", 0, 0.5)
    assert caught.value.kind == "no_audio"


@shared
def test_a_turned_film_is_shown_as_players_show_it() -> None:
    decoded = decode_frames("tracks/rotated90.mp4", 2, 4)
    assert decoded.frames is not None
    assert decoded.frames.pixels.shape[1:3] == (64, 48)
    stored = np.rot90(decoded.frames.pixels, -1, axes=(1, 2))
    assert [read_number(image) for image in stored] == [56, 68, 80, 93]
    red = decoded.frames.pixels[0, :, :8].mean((0, 1))
    assert red[0] > 2 * red[1]
    assert decoded.sampled is not None
    assert decoded.sampled.rotation == 90


@shared
def test_channels_that_cancel_are_not_taken_for_silence() -> None:
    decoded = decode_clip(make_clip(CASES / "tracks/antiphase.mkv", 0, 1), 0, with_audio=True)
    assert decoded.state == "silent"
    assert decoded.span_audio is not None
    assert decoded.span_audio.channels_cancel


@shared
def test_an_empty_packet_repeats_the_frame_before_it() -> None:
    decoded = decode_frames("refused/still.ogv", 1, 3)
    assert decoded.frames is not None
    assert (decoded.frames.pixels == decoded.frames.pixels[0]).all()
    assert decoded.frames.pixels.std() < 60


@shared
def test_every_frame_of_av1_decodes() -> None:
    clip = make_clip(CASES / "refused/av1.mkv", 0, None)
    decoded = decode_clip(clip, 16, with_audio=False, sampling="frozen-in-time")
    assert decoded.sampled is not None
    assert decoded.sampled.indices == tuple(range(16))


@shared
def test_a_size_that_changes_is_one_line() -> None:
    with pytest.raises(MediaError, match=r"size_changes\.ts: the size of its frames changes"):
        decode_frames("refused/size_changes.ts", 1, 3)


@pytest.mark.parametrize(
    "text",
    ["ffconcat version 1.0\nfile {path}\n", "#EXTM3U\n#EXTINF:2,\n{path}\n#EXT-X-ENDLIST\n"],
)
def test_a_playlist_under_the_name_of_a_film_is_refused(tmp_path: Path, text: str) -> None:
    film = write_video(tmp_path / "film.mp4")
    path = tmp_path / "list.mp4"
    path.write_text(text.format(path=film.name))
    with pytest.raises(MediaError, match=r"list\.mp4 is a playlist") as caught:
        decode_clip(make_clip(path, 0, None), 2, with_audio=True)
    assert caught.value.kind == "not_media"
    with pytest.raises(MediaError, match=r"list\.mp4 is a playlist"):
        read_media_info(str(path))


def test_sound_is_the_same_whether_frames_are_decoded_or_not(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", waveform=make_tone(2))
    path = remux_video(source, tmp_path / "b.mkv", video_delay=0.5)
    clip = make_clip(path, 0.7, 1.9)
    alone, _ = decode_clip_audio(clip)
    together = decode_clip(clip, 2, with_audio=True)
    assert alone is not None
    assert together.audio is not None
    assert np.array_equal(alone, together.audio.waveform)
    assert len(alone) == round(1.2 * SAMPLE_RATE)


@pytest.mark.parametrize("num_damaged", [5, 1000])
def test_sound_that_does_not_decode_is_a_fault_and_not_silence(
    tmp_path: Path, num_damaged: int
) -> None:
    path = write_video(tmp_path / "a.mp4", waveform=make_tone(2))
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(container.streams.audio[0]) if p.size]
    content = bytearray(path.read_bytes())
    for packet in packets[:num_damaged]:
        assert packet.pos is not None
        content[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"a\.mp4") as caught:
        decode_clip_audio(make_clip(path, 0, None))
    assert caught.value.kind == "undecodable"
