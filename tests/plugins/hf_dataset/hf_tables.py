"""Writes the clips of a folder as tables of the `datasets` library."""

from pathlib import Path
from typing import Any

import pytest

from egoexobench.data.folder_dataset import FolderDataset
from egoexobench.types import SPLITS, Split

NAMES = {"train": "train", "val": "validation", "test": "test"}


def list_rows(folder: Path, split: Split) -> list[dict[str, Any]]:
    """Return a row for each pair: the bytes of both videos, and the labels of the ego clip."""
    return [
        {
            "name": pair.id,
            "ego": {"bytes": Path(pair.ego.media).read_bytes(), "path": "a.mp4"},
            "exo": {"bytes": Path(pair.exo.media).read_bytes(), "path": None},
            "text": pair.narration,
            "scene": pair.ego.scene,
            "verbs": list(pair.ego.verbs),
            "nouns": ";".join(pair.ego.nouns),
        }
        for pair in FolderDataset(folder).pairs(split)
    ]


def write_parquet_set(root: Path, folder: Path) -> Path:
    """Write one Parquet file a split, with the bytes of the videos in a Video column."""
    datasets = pytest.importorskip("datasets")
    root.mkdir()
    for split in SPLITS:
        table = datasets.Dataset.from_list(list_rows(folder, split))
        table = table.cast_column("ego", datasets.Video())
        table.to_parquet(str(root / f"{NAMES[split]}-00000-of-00001.parquet"))
    return root
