"""Old names of :mod:`egoexobench.data.folder_dataset`. They still work; each use warns."""

from egoexobench.data import folder_dataset
from egoexobench.errors import get_renamed

RENAMED = {
    "CLIPS": "CLIPS_TABLE",
    "QUERIES": "QUERIES_TABLE",
    "Manifest": "FolderDataset",
    "clip_id": "make_clip_id",
    "write": "write_table",
}


def __getattr__(name: str) -> object:
    return get_renamed(name, RENAMED, old=__name__, new=folder_dataset)
