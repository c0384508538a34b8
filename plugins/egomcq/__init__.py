"""Dataset `egomcq`: questions about clips of Ego4D with five choices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Dataset


@hookimpl
def register_datasets(register: Register) -> None:
    """Register the data set."""
    register("egomcq", egomcq)


def egomcq(*, root: Path, videos: Path | None = None) -> Dataset:
    """EgoMCQ (EgoVLP, NeurIPS 2022): which of five clips of Ego4D does a text describe.

    All clips are ego clips of the split test, and there are no pairs: a method that learns is
    trained on another data set. In this file, type 1 asks among clips of different videos and type
    2 among clips of one video; elsewhere the numbers mean something else. Layout: showlab/EgoVLP
    928406c.

    Lists:
        The five choices of the file: `inter-video` for type 1, `intra-video` for type 2.

    License:
        The videos are those of Ego4D, which needs a signed agreement (https://ego4d-data.org). The
        file comes with EgoVLP (https://github.com/showlab/EgoVLP). egoexobench contains none of
        these files.

    Args:
        root: folder of egomcq.json.
        videos: folder of the videos, VIDEO_UID.mp4; default `root`/videos.
    """
    from egoexobench_plugins.egomcq.dataset import EgoMCQDataset

    return EgoMCQDataset(root, videos or root / "videos")
