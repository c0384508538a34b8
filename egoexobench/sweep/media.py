"""The content of the media of a cell: new films under old names are no reason to skip a run."""

from __future__ import annotations

from functools import cached_property
from typing import final

from egoexobench import files
from egoexobench.features.media_hash import hash_clip_media, hash_media_files
from egoexobench.protocols import Dataset
from egoexobench.types import SPLITS


@final
class MediaContent:
    """The content of the media of a data set, read when the first record is compared with it."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    @cached_property
    def hash(self) -> str | None:
        """Hash of the content by clip, as in a record; None if no file can be read."""
        clips = [clip for split in SPLITS for clip in self._dataset.clips(split)]
        media = {clip.media for clip in clips}
        cache = files.cache_dir() / "tokens"
        return hash_clip_media(clips, hash_media_files(media, cache, skip_failures=True).hashes)

    def forget(self) -> None:
        """Read the media again when they are compared again, because a run may have made them."""
        vars(self).pop("hash", None)
