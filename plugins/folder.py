"""Dataset `folder`: anyone's own clips."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Dataset


@hookimpl
def register_datasets(register: Register) -> None:
    """Bring the data set."""
    register("folder", folder)


def folder(*, path: Path) -> Dataset:
    """A folder of clips described by a table `clips` and, if there are lists, a table `queries`.

    Args:
        path: the folder; media are named relative to it. Tables are CSV, JSON Lines or Parquet;
            docs/folder.md gives the columns, and `data init` drafts one.
    """
    from egoexobench.data.folder_dataset import FolderDataset

    return FolderDataset(path)
