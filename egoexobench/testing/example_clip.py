"""A small media file, so that the parts of a plug-in can be tried without anybody's data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

_FPS, _SIDE, _SAMPLE_RATE = 8, 64, 16_000


def write_example_clip(
    path: Path, *, seed: int, seconds: float = 1.0, has_sound: bool = True
) -> Path:
    """Write an MP4 file of moving noise with a tone, and return its path.

    Args:
        path: the file; its folder exists.
        seed: files of one seed look and sound the same.
        seconds: length, s.
        has_sound: whether it has an audio track.
    """
    import av

    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (_SIDE, _SIDE, 3), dtype=np.uint8)
    times = np.arange(round(seconds * _SAMPLE_RATE)) / _SAMPLE_RATE  # s
    tone = 0.25 * np.sin(2 * np.pi * (200 + 50 * (seed % 40)) * times)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=_FPS)
        video.width = video.height = _SIDE
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=_SAMPLE_RATE, layout="mono") if has_sound else None
        for index in range(round(seconds * _FPS)):
            frame = av.VideoFrame.from_ndarray(np.roll(picture, 3 * index, axis=0), format="rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            samples = av.AudioFrame.from_ndarray(
                tone[None].astype(np.float32), format="fltp", layout="mono"
            )
            samples.rate = _SAMPLE_RATE
            container.mux(audio.encode(samples))
            container.mux(audio.encode(None))
    return path
