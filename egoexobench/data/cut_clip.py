"""Writes the span of a clip as a media file of its own, for tools that read whole files."""

from __future__ import annotations

from pathlib import Path

from egoexobench.data.decode import read_media_clock
from egoexobench.data.encode_clip import FAITHFUL_ENCODING, encode_clip
from egoexobench.data.media_files import copy_media_file
from egoexobench.types import Clip

CUT_SUFFIX = ".mp4"


def is_complete_file(clip: Clip) -> bool:
    """Whether the span of a clip is all of its file.

    Raises:
        MediaError: if the file is missing or is not a media file.
    """
    return clip.start <= 0 and (
        clip.end is None or clip.end >= read_media_clock(clip.media).duration
    )


def write_clip_file(path: Path, clip: Clip) -> None:
    """Write a clip as a file: a copy if it is all of its file, otherwise H.264 and AAC.

    The frames are those of the span, at their own times. The sound is mono, 48 kHz.

    Args:
        path: the file; it is not written atomically.
        clip: the clip.

    Raises:
        MediaError: if the clip does not decode.
    """
    if is_complete_file(clip):
        copy_media_file(clip.media, path)
    else:
        encode_clip(path, clip, FAITHFUL_ENCODING)
