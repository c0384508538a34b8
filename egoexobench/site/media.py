"""Media of the clips that pages show.

Data sets are licensed to those who downloaded them, so a site has media only on request. ``copy``
takes files as they are where browsers play them; ``previews`` are small. What is made is stored in
the cache clip by clip, so that an interrupted build goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, final

from pydantic import BaseModel, ConfigDict

from egoexobench import files
from egoexobench.checksum import compute_checksum, read_intact, read_json, write_json
from egoexobench.errors import DataError
from egoexobench.files import atomic_path
from egoexobench.hashing import hash_files, hash_json
from egoexobench.layers import hash_layers
from egoexobench.libraries import MEDIA_LIBRARY, find_versions
from egoexobench.records.store import validate_json
from egoexobench.site import clip_files
from egoexobench.site.clip_files import (
    STRIP_FRAMES,
    draw_outline,
    explain_missing_media,
    is_played_by_browsers,
    write_strip,
)
from egoexobench.toolbox.cores import map_in_threads

if TYPE_CHECKING:
    from egoexobench.protocols import Progress
    from egoexobench.types import Clip

MediaChoice = Literal["none", "copy", "previews"]
_FOLDER = "media"
_VIDEO, _STRIP, _ENTRY = ".mp4", ".jpg", ".json"


@dataclass(frozen=True, slots=True)
class ClipMedia:
    """What pages show of a clip; paths are relative to the root of the site."""

    video: str | None = None
    frames: str | None = None
    """A picture of some frames side by side."""
    outline: str | None = None
    """Of the sound, as `draw_outline` draws it."""
    problem: str | None = None
    """Why there is nothing to show."""


@dataclass(frozen=True, slots=True)
class SiteMedia:
    """The media of some clips.

    Attributes:
        clips: what pages show, by id of the clip.
        files: the media file to copy to each path of the site.
    """

    clips: Mapping[str, ClipMedia] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


@final
class _StoredClip(BaseModel):
    """What the cache has of a clip."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Of the files in the cache."""
    is_played: bool
    """Whether the media file is copied as it is."""
    outline: str | None
    checksums: dict[str, str]
    """Of the files in the cache, by suffix."""


def prepare_media(
    clips: Mapping[str, Clip], fingerprint: str, choice: MediaChoice, progress: Progress
) -> SiteMedia:
    """Make the media of some clips of a data set, in a thread for each core.

    A clip that cannot be shown has the reason in its place. Clips of one content share files.

    Args:
        clips: by id.
        fingerprint: of the data set.
        choice: ``none`` makes nothing.
        progress: shows how many clips are done.
    """
    if choice == "none":
        return SiteMedia()
    distinct = {clip.content: clip for clip in reversed(list(clips.values()))}
    prepared: dict[object, ClipMedia] = {}
    copied: dict[str, str] = {}

    def make(clip: Clip) -> tuple[ClipMedia, Mapping[str, str]]:
        return _make_clip(clip, name_media(fingerprint, clip.id), choice)

    with progress.stage("media", len(distinct)) as advance:
        results = map_in_threads(make, distinct.values())
        for content, (media, sources) in zip(distinct, results, strict=True):
            prepared[content] = media
            copied.update(sources)
            advance(1)
    return SiteMedia({name: prepared[clip.content] for name, clip in clips.items()}, copied)


def name_media(fingerprint: str, clip_id: str) -> str:
    """Return a name for the files of a clip, which is safe in a path and names no file.

    >>> name_media("0123", "../a").isalnum()
    True
    """
    return hash_json([fingerprint, clip_id])


def _make_clip(clip: Clip, name: str, choice: MediaChoice) -> tuple[ClipMedia, Mapping[str, str]]:
    """Return what pages show of a clip, and the file to copy to each path."""
    try:
        stored = _load_or_make(clip, choice)
    except (DataError, OSError) as error:
        return ClipMedia(problem=explain_missing_media(error)), {}
    suffix = PurePosixPath(clip.media).suffix.lower() if stored.is_played else _VIDEO
    video, frames = f"{_FOLDER}/{name}{suffix}", f"{_FOLDER}/{name}{_STRIP}"
    source = clip.media if stored.is_played else str(_locate_file(stored.name, _VIDEO))
    return (
        ClipMedia(video=video, frames=frames, outline=stored.outline),
        {video: source, frames: str(_locate_file(stored.name, _STRIP))},
    )


def _load_or_make(clip: Clip, choice: MediaChoice) -> _StoredClip:
    from egoexobench.data.media_files import read_media_state

    state = list(read_media_state(clip.media))
    name = hash_json([_hash_code(), choice, clip.media, state, clip.start, clip.end])
    consequence = "the media of this clip are made again"
    stored = read_intact(_read_entry, _locate_file(name, _ENTRY), consequence)
    if stored is None or not _is_intact(stored):
        stored = _write_clip(clip, name, choice)
        write_json(_locate_file(name, _ENTRY), stored.model_dump_json())
    return stored


def _write_clip(clip: Clip, name: str, choice: MediaChoice) -> _StoredClip:
    from egoexobench.data.cut_clip import is_complete_file
    from egoexobench.data.decode import decode_clip, read_media_info
    from egoexobench.data.encode_clip import FAITHFUL_ENCODING, PREVIEW_ENCODING, encode_clip

    decoded = decode_clip(clip, STRIP_FRAMES, with_audio=True)
    assert decoded.frames is not None  # noqa: S101 - frames were requested
    with atomic_path(_locate_file(name, _STRIP)) as path:
        write_strip(path, decoded.frames.pixels)
    is_played = (
        choice == "copy"
        and is_complete_file(clip)
        and is_played_by_browsers(read_media_info(clip.media), clip.media)
    )
    if not is_played:
        encoding = FAITHFUL_ENCODING if choice == "copy" else PREVIEW_ENCODING
        with atomic_path(_locate_file(name, _VIDEO)) as path:
            encode_clip(path, clip, encoding)
    suffixes = (_STRIP,) if is_played else (_STRIP, _VIDEO)
    return _StoredClip(
        name=name,
        is_played=is_played,
        outline=draw_outline(decoded.samples),
        checksums={suffix: _read_checksum(_locate_file(name, suffix)) for suffix in suffixes},
    )


def _read_entry(path: Path) -> _StoredClip:
    return validate_json(str(path), read_json(path), _StoredClip)


def _is_intact(stored: _StoredClip) -> bool:
    """Whether the files are there as they were written."""
    try:
        return all(
            _read_checksum(_locate_file(stored.name, suffix)) == checksum
            for suffix, checksum in stored.checksums.items()
        )
    except OSError:
        return False


def _read_checksum(path: Path) -> str:
    return compute_checksum(path.read_bytes())


def _locate_file(name: str, suffix: str) -> Path:
    return files.cache_dir() / "site-media" / f"{name}{suffix}"


@cache
def _hash_code() -> str:
    sources = {Path(module).name: Path(module) for module in (__file__, clip_files.__file__)}
    versions = find_versions((MEDIA_LIBRARY, "pillow"))
    return hash_json([hash_layers(up_to="data"), hash_files(sources), versions])
