"""Tiny activities in the layouts of AE2, with videos of our own whose phases can be seen."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np

FPS, SIDE, NUM_PHASES = 8, 48, 3
COUNTS = {"train": 3, "val": 2, "test": 2}
"""Videos of each view and split."""


def make_phases(num_frames: int, seed: int = 0) -> list[int]:
    """Three phases in their order, of different lengths."""
    edges = np.sort(np.random.default_rng(seed).choice(np.arange(4, num_frames - 4), 2, False))
    return [int((index >= edges).sum()) for index in range(num_frames)]


def get_seed(split: str, index: int) -> int:
    """The seed of a video: no two splits share content."""
    return 100 * list(COUNTS).index(split) + index


def write_activity_video(
    path: Path, phases: list[int], view: str, *, size: tuple[int, int] = (SIDE, SIDE), seed: int = 0
) -> None:
    """Write a video whose brightness says the phase; views differ in color, seeds in a line."""
    width, height = size
    colors = {"ego": (1.0, 0.6, 0.3), "exo": (0.3, 0.6, 1.0)}[view]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index, phase in enumerate(phases):
            pixels = np.full((height, width, 3), 40 + 80 * phase, np.float64) * colors
            pixels[(index + 7 * seed) % height, :] = 0
            frame = av.VideoFrame.from_ndarray(pixels.clip(0, 255).astype(np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def make_boxes(num_frames: int, seed: int = 0) -> np.ndarray:
    """Two hands and two objects of each frame, in pixels; the second object is missing."""
    rng = np.random.default_rng(seed)
    boxes = np.zeros((num_frames, 4, 10))
    boxes[..., :2] = rng.uniform(0, SIDE / 2, (num_frames, 4, 2))
    boxes[..., 2:4] = boxes[..., :2] + rng.uniform(4, SIDE / 2, (num_frames, 4, 2))
    boxes[..., 4] = rng.uniform(0.1, 1, (num_frames, 4))
    boxes[..., 9] = np.arange(4)
    boxes[:, 3] = [0] * 9 + [-1]
    return boxes


def write_ae2_root(
    root: Path,
    activity: str = "break_eggs",
    *,
    counts: Mapping[str, int] = COUNTS,
    with_boxes: bool = True,
) -> Path:
    """Write videos, lists, labels and boxes of an activity; return its folder."""
    folder = root / activity
    has_lists = activity in ("break_eggs", "tennis_forehand")
    labels: dict[str, Any] = {}
    boxes: dict[str, Any] = {}
    for split, count in counts.items():
        for view in ("ego", "exo"):
            parent = folder / view if has_lists else folder / split / view
            parent.mkdir(parents=True, exist_ok=True)
            names = [f"{split}{index}" for index in range(count)]
            for index, name in enumerate(names):
                seed = get_seed(split, index)
                phases = make_phases(20 + index, seed)
                write_activity_video(parent / f"{name}.mp4", phases, view, seed=seed)
                labels[f"{view}_{name}"] = phases
                boxes[f"{view}_{name}"] = make_boxes(len(phases), seed)
            if has_lists:
                lines = "".join(f"{view}/{name}.mp4\n" for name in names)
                (parent / f"{split}.csv").write_text(lines)
    write_pickle(folder / "label.pickle", labels)
    if with_boxes:
        write_pickle(folder / "det_bounding_box.pickle", boxes)
    return folder


def write_pickle(path: Path, content: object) -> None:
    """Write a pickle as the release does."""
    path.write_bytes(pickle.dumps(content))


def read_pickle(path: Path) -> Any:
    """Read a pickle that a test has written."""
    return pickle.loads(path.read_bytes())
