"""Open media files: only formats that are known, only from the file that is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from traceback import walk_tb
from typing import Any

import av

from egoexobench.data.media_files import find_media_source
from egoexobench.data.media_source import LocalFile, MediaSource
from egoexobench.errors import MediaError

MEDIA_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,av1,avi,caf,dv,eac3,flac,flv,gif,gxf,h261,h263,h264,hevc,ivf,m4v,"
    "matroska,mjpeg,mov,mp3,mp4,mpeg,mpegts,mpegvideo,mxf,nsv,nut,obu,ogg,rm,tta,voc,vc1,vvc,w64,"
    "wav,webm,wtv,wv,yuv4mpegpipe"
).split(",")
"""Formats that are read. A playlist or a script would show another file than the one whose content
is hashed, and a format of bare pixels or text accepts anything."""
_OPTIONS = {"format_whitelist": ",".join(MEDIA_FORMATS), "protocol_whitelist": "file"}
_PLAYLIST_STARTS = (b"ffconcat", b"#EXTM3U", b"<?xml", b"<MPD", b"<smil", b"[playlist]", b"file ")


def get_decoder_versions() -> dict[str, str]:
    """Return the version of each library of FFmpeg that PyAV brings, by name."""
    return {name: ".".join(map(str, v)) for name, v in sorted(av.library_versions.items())}


@contextmanager
def open_media(path: str, *, with_video: bool = True) -> Iterator[Any]:
    """Open a file; what the decoder raises inside the block becomes one line that names the file.

    Args:
        path: the name of the file.
        with_video: False skips decoding frames while the file is opened. The times of its tracks
            can differ then, so do not read them.

    Raises:
        MediaError: if the file is missing, is no media file, or does not decode.
    """
    source, is_open = find_media_source(path), False
    options = _OPTIONS if with_video else {**_OPTIONS, "skip_frame": "all"}
    try:
        # titles may be in any encoding; nothing reads them
        with (
            _open_input(source, path) as file,
            av.open(file, options=dict(options), metadata_errors="replace") as container,
        ):
            is_open = True
            yield container
    except (av.FFmpegError, EOFError) as error:
        if is_open:
            reason = f"cannot decode {path}: {_explain_error(error)}"
            raise MediaError("undecodable", reason) from error
        raise MediaError("not_media", _explain_format(source, path, error)) from error
    except IndexError as error:
        if not is_open or not _is_from_decoder(error):
            raise
        reason = f"{path}: a track begins inside the file, which cannot be read; convert the file"
        raise MediaError("undecodable", reason) from error


def _open_input(source: MediaSource, path: str) -> AbstractContextManager[Any]:
    """Open what FFmpeg reads: a local file by its name, anything else through Python."""
    if isinstance(source, LocalFile):
        source.check_presence()
        return nullcontext(f"file:{path}")
    return source.open()


def _is_from_decoder(error: Exception) -> bool:
    """Return whether PyAV raised it: its packets of a track that it does not know do so."""
    *_, (frame, _line) = walk_tb(error.__traceback__)
    return frame.f_code.co_filename.startswith("av/")


def _explain_error(error: Exception) -> str:
    if isinstance(error, PermissionError):  # FFmpeg's -1: many decoders return it for damaged data
        return "its decoder refuses the data"
    return str(getattr(error, "strerror", error))


def _explain_format(source: MediaSource, path: str, error: Exception) -> str:
    with source.open() as file:
        start = (file.read(64) or b"").lstrip(b"\xef\xbb\xbf \r\n\t")
    if start.startswith(_PLAYLIST_STARTS):
        return f"{path} is a playlist or a text, not a media file; name the files that it lists"
    reason = getattr(error, "strerror", error)
    return f"cannot decode {path}: {reason}; it is not a complete media file"
