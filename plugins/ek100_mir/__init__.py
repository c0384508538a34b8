"""Dataset `ek100-mir`: multi-instance retrieval of EPIC-KITCHENS-100."""

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
    register("ek100-mir", ek100_mir)


def ek100_mir(*, root: Path, videos: Path | None = None, relevance: Path | None = None) -> Dataset:
    """EPIC-KITCHENS-100 multi-instance retrieval (IJCV 2022): clips and texts of kitchens.

    A text describes many clips to a degree: half of it is the class of the verb, half the overlap
    of the classes of the nouns. All clips are ego clips, and there are no pairs: a method that
    learns is trained on another data set. Layout: epic-kitchens-100-annotations ea8b404.

    License:
        CC BY-NC 4.0, as far as we know: read the terms that come with the annotations
        (https://epic-kitchens.github.io). egoexobench contains none of these files.

    Args:
        root: folder of EPIC_100_retrieval_test.csv and EPIC_100_retrieval_test_sentence.csv, or
            the one above their folder retrieval_annotations.
        videos: folder of the videos, P01_01.MP4 or P01/videos/P01_01.MP4; default `root`/videos.
        relevance: a matrix .npy, .npz or .pkl (of which no code is run) with a row for each clip
            and a column for each sentence, in the order of the tables; default is to compute it.
    """
    from egoexobench_plugins.ek100_mir.dataset import EK100MIRDataset

    return EK100MIRDataset(root, videos or root / "videos", relevance)
