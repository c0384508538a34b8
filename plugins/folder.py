"""Dataset `folder`: your own clips."""

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
    register("folder", folder)


def folder(*, path: Path) -> Dataset:
    """A folder of clips with a table `clips` and an optional table `queries` of candidate lists.

    Args:
        path: the folder; media paths are relative to it. Tables are CSV, JSON Lines or Parquet;
            docs/folder.md lists the columns, and `data init` writes a first version.
    """
    from egoexobench.data.folder_dataset import FolderDataset

    return FolderDataset(path)
