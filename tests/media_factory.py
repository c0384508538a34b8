"""Media files and manifest rows for tests."""

from pathlib import Path

import av
import numpy as np

from egoexobench.data.folder_dataset import ClipRow

SAMPLE_RATE = 16_000
FAST_AAC_OPTIONS = {"aac_coder": "fast"}
"""An AAC encoder that takes a third of the default's time."""


def write_video(
    path: Path,
    *,
    seconds: float = 2.0,
    fps: int = 8,
    waveform: np.ndarray | None = None,
    seed: int = 0,
    image_size: int = 64,
) -> Path:
    """Write an MP4 of moving noise; ``sound`` is ``(channels, samples)`` or None for no track."""
    rng = np.random.default_rng(seed)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps)
        video.width = video.height = image_size
        video.pix_fmt = "yuv420p"
        audio = None
        if waveform is not None:
            layout = "mono" if len(waveform) == 1 else "stereo"
            audio = container.add_stream(
                "aac", rate=SAMPLE_RATE, layout=layout, options=FAST_AAC_OPTIONS
            )
        base = rng.integers(0, 256, (image_size, image_size, 3), dtype=np.uint8)
        for i in range(round(seconds * fps)):
            pixels = np.roll(base, 3 * i, axis=0)
            pixels[:8, :8] = 255 * (i % 2)
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(video.encode(None))
        if audio is not None and waveform is not None:
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(waveform, np.float32),
                format="fltp",
                layout="mono" if len(waveform) == 1 else "stereo",
            )
            frame.rate = SAMPLE_RATE
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path


def write_video_with_empty_audio(path: Path, *, seconds: float, fps: int) -> None:
    """Write a video with an audio track that has no samples."""
    with av.open(str(path), "w", format="matroska") as container:
        video = container.add_stream("libx264", rate=fps)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        pixels = np.zeros((64, 64, 3), np.uint8)
        for _ in range(round(fps * seconds)):
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(video.encode(None))


def remux_video(
    source: Path, target: Path, *, video_delay: float = 0.0, header_first: bool = False
) -> Path:
    """Copy a file packet by packet, with a later video or the header at the start."""
    options = {"movflags": "faststart"} if header_first else {}
    with av.open(str(source)) as old, av.open(str(target), "w", options=options) as new:
        streams = {stream: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if packet.pts is not None:
                is_video = packet.stream.type == "video"
                ticks = round(video_delay / packet.time_base) if is_video else 0
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                packet.stream = streams[packet.stream]
                new.mux(packet)
    return target


def make_tone(seconds: float = 2.0, hertz: float = 440.0, channels: int = 1) -> np.ndarray:
    """A sine of amplitude 0.25, ``(channels, samples)``."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.tile(0.25 * np.sin(2 * np.pi * hertz * time), (channels, 1)).astype(np.float32)


def make_clip_rows(names: list[str], split: str = "train") -> list[ClipRow]:
    """Manifest rows of two clips for each pair; no two pairs have the same text."""
    return [
        ClipRow.model_validate(
            {
                "pair": name,
                "view": view,
                "split": split,
                "media": f"{name}-{view}.mp4",
                "narration": f"{view} sees {name}",
                "pair_narration": f"a person takes the {name}",
                "scene": "kitchen" if i % 2 else "garage",
                "verbs": ["take"] if i % 3 else ["put", "open"],
                "nouns": [name],
            }
        )
        for i, name in enumerate(names)
        for view in ("ego", "exo")
    ]
