"""Films whose pictures and sound say what time it is, so that each film is its own truth.

Story time starts at 0. Picture n is the one of story time n / `FPS`: its 12 lower squares show n
in binary, the lowest bit first, below a red band. The sound of story time t is a tone of
`LOWEST_HZ` + `HZ_PER_S` t Hz. A disturbance takes packets away or moves all of them, and so the
pictures and the sound that are left still say the truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from numpy.typing import NDArray

FPS = 25
SECONDS = 6.0
WIDTH, HEIGHT = 128, 96
BAND_PX, SQUARE_PX, LEFT_PX = 32, 16, 16
NUM_BITS, BITS_PER_ROW = 12, 6
LOWEST_HZ, HZ_PER_S = 400.0, 200.0
TONE_WINDOW_S = 0.06
DECOY_HZ = 3000.0
"""The tone of a sound track that no player takes."""
AUDIO_BIT_RATE = {"libopencore_amrnb": 12_200}
BLOCK = 1024
"""Samples of a packet of uncompressed sound."""

Span = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class TellingFilm:
    """How to render a film, and so what every span of it shows."""

    suffix: str
    video: str | None = "libx264"
    audio: str | None = "aac"
    container: str | None = None
    """Format of the container; None takes that of the suffix."""
    pix_fmt: str = "yuv420p"
    sample_rate: int = 48_000
    layout: str = "mono"
    video_options: Mapping[str, str] = field(default_factory=dict)
    container_options: Mapping[str, str] = field(default_factory=dict)
    numbers: tuple[int, ...] = tuple(range(round(SECONDS * FPS)))
    """The pictures that the file has."""
    sounding: tuple[Span, ...] = ((0.0, SECONDS),)
    """The spans of story time whose sound the file has."""
    shift: float = 0.0
    """What every time in the file has on top of its story time, s."""
    origin: float = 0.0
    """Story time at which the file starts."""
    rotation: int = 0
    has_decoy_sound: bool = False
    """The first sound track tells no time, and the second one is the default."""
    has_cover: bool = False
    """The first video track is a cover picture."""
    is_antiphase: bool = False

    def list_numbers(self, start: float, end: float) -> list[int]:
        """Return the pictures that are presented in a span of the file, in order."""
        first, last = start + self.origin, end + self.origin
        return [n for n in self.numbers if first - 1e-6 <= n / FPS < last - 1e-6]

    def is_sounding(self, start: float, end: float) -> bool:
        """Return whether there is sound in all of a span of story time."""
        return any(first <= start and end <= last for first, last in self.sounding)

    def is_silent(self, start: float, end: float) -> bool:
        """Return whether there is no sound in any of a span of story time."""
        return all(end <= first or last <= start for first, last in self.sounding)


def draw_picture(number: int, scale: int = 1) -> NDArray[np.uint8]:
    """Return the picture of a number, ``(H, W, 3)``."""
    pixels = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    pixels[:BAND_PX] = (200, 40, 40)
    for bit in range(NUM_BITS):
        row, column = divmod(bit, BITS_PER_ROW)
        top, left = BAND_PX * (1 + row), LEFT_PX + SQUARE_PX * column
        pixels[top : top + BAND_PX, left : left + SQUARE_PX] = 230 if number >> bit & 1 else 20
    return pixels.repeat(scale, 0).repeat(scale, 1)


def read_number(pixels: NDArray[np.uint8]) -> int:
    """Return the number that an upright picture shows."""
    height, width = pixels.shape[:2]
    number = 0
    for bit in range(NUM_BITS):
        row, column = divmod(bit, BITS_PER_ROW)
        y = int((BAND_PX * (1.5 + row)) / HEIGHT * height)
        x = int((LEFT_PX + SQUARE_PX * (column + 0.5)) / WIDTH * width)
        number |= int(pixels[y - 2 : y + 3, x - 2 : x + 3].mean() > 125) << bit
    return number


def make_tone(sample_rate: int, seconds: float) -> NDArray[np.float32]:
    """Return the samples of story time 0 to an end."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    wave = 0.5 * np.sin(2 * np.pi * (LOWEST_HZ * time + HZ_PER_S * time * time / 2))
    return wave.astype(np.float32)


def read_tone(samples: NDArray[np.float32], offset: float, sample_rate: int) -> float:
    """Return the story time that the sound tells at an offset; NaN where it is silent."""
    start, length = round(offset * sample_rate), round(TONE_WINDOW_S * sample_rate)
    window = samples[start : start + length]
    if len(window) < length or np.abs(window).max() < 0.02:
        return float("nan")
    spectrum = np.abs(np.fft.rfft(window * np.hanning(length), 1 << 16))
    hertz = float(spectrum.argmax()) * sample_rate / (1 << 16)
    return (hertz - LOWEST_HZ) / HZ_PER_S - TONE_WINDOW_S / 2


def render_film(film: TellingFilm, path: Path) -> Path:
    """Write a film to a file."""
    with av.open(
        str(path), "w", format=film.container, options=dict(film.container_options)
    ) as container:
        cover = _add_video(container, film, "mjpeg") if film.has_cover else None
        decoy = _add_audio(container, film) if film.has_decoy_sound else None
        video = _add_video(container, film, film.video) if film.video else None
        audio = _add_audio(container, film) if film.audio else None
        packets: list[Any] = []
        if cover:
            cover.disposition = Disposition.attached_pic
            packets += _encode_pictures(cover, film, (0,))
        if decoy and audio:
            decoy.disposition, audio.disposition = Disposition(0), Disposition.default
            time = np.arange(round(SECONDS * film.sample_rate)) / film.sample_rate
            packets += _encode_sound(
                decoy, film, 0.3 * np.sin(2 * np.pi * DECOY_HZ * time).astype(np.float32)
            )
        if video:
            if film.rotation:
                video.set_display_rotation(film.rotation)
            packets += _encode_pictures(video, film, film.numbers)
        if audio:
            tone = make_tone(film.sample_rate, SECONDS)
            packets += [p for p in _encode_sound(audio, film, tone) if _is_in_film(p, film)]
        for packet in sorted(packets, key=_get_mux_time):
            if film.shift:
                ticks = round(Fraction(film.shift).limit_denominator(1000) / packet.time_base)
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
            container.mux(packet)
    return path


def _get_mux_time(packet: Any) -> float:
    return float((packet.pts if packet.dts is None else packet.dts) * packet.time_base)


def _is_in_film(packet: Any, film: TellingFilm) -> bool:
    """Return whether most of a packet of sound lies in a span that the film has."""
    time = float((packet.pts + (packet.duration or 0) / 2) * packet.time_base)
    is_priming = film.sounding[0][0] == 0.0 and time < 0
    return is_priming or any(start <= time < end for start, end in film.sounding)


def _add_video(container: Any, film: TellingFilm, codec: str | None) -> Any:
    options = dict(film.video_options) if codec == film.video else {}
    stream = container.add_stream(codec, rate=FPS, options=options)
    stream.width, stream.height = WIDTH, HEIGHT
    stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else film.pix_fmt
    stream.codec_context.time_base = Fraction(1, FPS)
    stream.codec_context.thread_count = 1
    return stream


def _add_audio(container: Any, film: TellingFilm) -> Any:
    stream = container.add_stream(film.audio, rate=film.sample_rate, layout=film.layout)
    stream.bit_rate = AUDIO_BIT_RATE.get(str(film.audio), 64_000 * len(stream.layout.channels))
    return stream


def _encode_pictures(stream: Any, film: TellingFilm, numbers: Iterable[int]) -> Iterator[Any]:
    for number in numbers:
        frame = av.VideoFrame.from_ndarray(draw_picture(number), format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _encode_sound(stream: Any, film: TellingFilm, wave: NDArray[np.float32]) -> Iterator[Any]:
    num_channels = len(stream.layout.channels)
    signs = np.ones((num_channels, 1), np.float32)
    if film.is_antiphase:
        signs[1::2] = -1
    for start in range(0, len(wave), BLOCK):
        block = np.ascontiguousarray(signs * wave[None, start : start + BLOCK])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=film.layout)
        frame.rate, frame.pts, frame.time_base = (
            film.sample_rate,
            start,
            Fraction(1, film.sample_rate),
        )
        yield from stream.encode(frame)
    yield from stream.encode(None)
