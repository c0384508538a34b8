"""Counts the clips whose file has no audio track."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from egoexobench.data.decode import read_media_info
from egoexobench.data.media_files import find_missing_media
from egoexobench.errors import MediaError
from egoexobench.toolbox.cores import count_cores
from egoexobench.types import Clip

FILES_PER_CALL = 64
"""Files that a thread reads before it takes others; to hand over each one costs more than it."""


def count_without_audio_track(clips: Sequence[Clip]) -> int:
    """Return how many clips are of a file without an audio track; only headers are read."""
    names = {clip.media for clip in clips}
    media = sorted(names.difference(find_missing_media(names)))
    blocks = [
        media[start : start + FILES_PER_CALL] for start in range(0, len(media), FILES_PER_CALL)
    ]
    with ThreadPoolExecutor(count_cores()) as pool:
        silent = {path for paths in pool.map(_list_silent, blocks) for path in paths}
    return sum(clip.media in silent for clip in clips)


def _list_silent(paths: Sequence[str]) -> list[str]:
    return [path for path in paths if not _has_track(path)]


def _has_track(path: str) -> bool:
    try:
        return read_media_info(path).audio is not None
    except MediaError:
        return True  # whether there is one is not known
