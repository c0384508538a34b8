"""Counts the clips whose file has no audio track."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from egoexobench.data.decode import read_media_info
from egoexobench.errors import MediaError
from egoexobench.types import Clip


def count_without_audio_track(clips: Sequence[Clip]) -> int:
    """Return how many clips are of a file without an audio track; only headers are read."""
    media = sorted({clip.media for clip in clips})
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        has_track = dict(zip(media, pool.map(_has_track, media), strict=True))
    return sum(not has_track[clip.media] for clip in clips)


def _has_track(path: str) -> bool:
    try:
        return read_media_info(path).audio is not None
    except MediaError:
        return True  # whether there is one is not known
