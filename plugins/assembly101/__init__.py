"""Dataset `assembly101`: toys are assembled before fixed and worn cameras."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Dataset


@hookimpl
def register_datasets(register: Register) -> None:
    """Register the data set."""
    register("assembly101", assembly101)


def assembly101(
    *,
    root: Path,
    videos: Path | None = None,
    annotations: Literal["fine", "coarse"] = "fine",
    cameras: Literal["one", "all"] = "one",
    labels: Literal["verb", "action"] = "verb",
) -> Dataset:
    """Assembly101 (CVPR 2022): people take toys apart and assemble them, before 12 cameras.

    A pair is one segment, seen by a worn camera (monochrome) and a fixed one (RGB) at the same
    time. The official validation is the split test, because the labels of the official test are
    withheld; val is drawn from the official train by sequence. Frames are counted at 30 per second,
    though raw videos have 60. Layout: assembly-101/assembly101-annotations 0165128.

    License:
        CC BY-NC 4.0 (assembly-101/assembly101-annotations 0165128); videos and annotations are at
        https://assembly-101.github.io. egoexobench contains none of these files.

    Args:
        root: folder of fine-grained-annotations or coarse-annotations, or one of these folders.
        videos: folder of the videos, SEQUENCE/VIEW.mp4; default `root`/videos.
        annotations: segments of the `fine` tables or of the `coarse` label files.
        cameras: `one` worn and one fixed camera of each segment, the first of each by name; or
            `all` pairs of a worn and a fixed one, 32 for most segments.
        labels: classes of the task action of fine segments: the `verb`, or the whole `action`.
    """
    from egoexobench_plugins.assembly101.dataset import Assembly101Dataset

    return Assembly101Dataset(
        root,
        videos or root / "videos",
        annotations=annotations,
        cameras=cameras,
        labels=labels,
    )
