"""Old names of :mod:`egoexobench.data.folder_dataset`. They still work; each use warns."""

import warnings

from egoexobench.data import folder_dataset

RENAMED = {
    "CLIPS": "CLIPS_TABLE",
    "QUERIES": "QUERIES_TABLE",
    "Manifest": "FolderDataset",
    "clip_id": "make_clip_id",
    "write": "write_table",
}


def __getattr__(name: str) -> object:
    new = RENAMED.get(name, name)
    value: object = getattr(folder_dataset, new)
    warnings.warn(
        f"egoexobench.data.manifest.{name} is deprecated: use "
        f"egoexobench.data.folder_dataset.{new}",
        FutureWarning,
        stacklevel=2,
    )
    return value
