"""Films and rows that tests make."""

from pathlib import Path

import av
import numpy as np

from egoexobench.data.folder_dataset import ClipRow

RATE = 16_000
FAST_CODER = {"aac_coder": "fast"}
"""A search for bits that takes a third of the time."""


def film(
    path: Path,
    *,
    seconds: float = 2.0,
    fps: int = 8,
    sound: np.ndarray | None = None,
    seed: int = 0,
    side: int = 64,
) -> Path:
    """Write an MP4 of moving noise; ``sound`` is ``(channels, samples)`` or None for no track."""
    rng = np.random.default_rng(seed)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps)
        video.width = video.height = side
        video.pix_fmt = "yuv420p"
        audio = None
        if sound is not None:
            layout = "mono" if len(sound) == 1 else "stereo"
            audio = container.add_stream("aac", rate=RATE, layout=layout, options=FAST_CODER)
        base = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        for i in range(round(seconds * fps)):
            picture = np.roll(base, 3 * i, axis=0)
            picture[:8, :8] = 255 * (i % 2)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        if audio is not None and sound is not None:
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(sound, np.float32),
                format="fltp",
                layout="mono" if len(sound) == 1 else "stereo",
            )
            frame.rate = RATE
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path


def tone(seconds: float = 2.0, hertz: float = 440.0, channels: int = 1) -> np.ndarray:
    """A sine of amplitude 0.25, ``(channels, samples)``."""
    time = np.arange(round(seconds * RATE)) / RATE
    return np.tile(0.25 * np.sin(2 * np.pi * hertz * time), (channels, 1)).astype(np.float32)


def rows(names: list[str], split: str = "train") -> list[ClipRow]:
    """Manifest rows of pairs, each with words of its own."""
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
