"""Files of one clip that browsers show: a video, a strip of frames and the outline of its sound."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from egoexobench.data.audio_levels import SILENCE_PEAK
from egoexobench.errors import DataError, MediaError, MediaErrorKind

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from egoexobench.data.media_info import MediaInfo

STRIP_FRAMES = 3
STRIP_HEIGHT = 96
"""Of the frames of a strip, pixels."""
NUM_SPANS = 160
"""Spans of an outline, each with its loudest sample."""
OUTLINE_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
"""An outline has a digit for each span; the last one is for the loudest of the clip."""
_JPEG_QUALITY = 75
_PLAYED_SUFFIXES = {".mp4", ".m4v", ".mov", ".webm"}
_PLAYED_VIDEO = {"h264", "vp8", "libvpx", "vp9", "libvpx-vp9", "av1", "libdav1d", "libaom-av1"}
_PLAYED_AUDIO = {"aac", "mp3", "mp3float", "opus", "libopus", "vorbis", "libvorbis", "flac"}
"""Names of the decoders of what Chromium and Firefox play. Of other codecs, such as HEVC and AC-3,
they may leave out the picture or the sound without an error."""
_REASONS: Mapping[MediaErrorKind, str] = {
    "missing": "its media file is not where the data set says; was it moved?",
    "not_media": "its file is not a media file",
    "no_video": "its file has no video track",
    "truncated": "its file is cut off",
    "beyond_end": "it ends after its file",
    "late_video": "the video of its file starts after the clip",
    "no_frames": "its file has no frames there",
    "no_audio": "the audio track of its file has no sound there",
    "undecodable": "its file does not decode",
    "not_sampled": "it has too few frames",
}


def is_played_by_browsers(info: MediaInfo, media: str) -> bool:
    """Whether Chromium and Firefox play picture and sound of a file as it is."""
    return (
        PurePosixPath(media).suffix.lower() in _PLAYED_SUFFIXES
        and info.video is not None
        and info.video.codec in _PLAYED_VIDEO
        and (info.audio is None or info.audio.codec in _PLAYED_AUDIO)
    )


def explain_missing_media(error: DataError | OSError) -> str:
    """Return why a clip is not shown, without the path of its file, which messages have."""
    if isinstance(error, FileNotFoundError):
        return _REASONS["missing"]
    return _REASONS[error.kind] if isinstance(error, MediaError) else "its file cannot be read"


def write_strip(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write frames ``(F, H, W, 3)`` side by side as a JPEG of `STRIP_HEIGHT` rows."""
    import numpy as np
    from PIL import Image

    picture = Image.fromarray(np.concatenate(list(pixels), axis=1))
    width = max(round(picture.width * STRIP_HEIGHT / picture.height), 1)
    picture.resize((width, STRIP_HEIGHT)).save(path, "JPEG", quality=_JPEG_QUALITY)


def draw_outline(samples: NDArray[np.float32] | None) -> str | None:
    """Return the loudness of mono samples ``(S,)`` over time as digits.

    It is empty for silence, and None without a track.

    >>> import numpy as np
    >>> draw_outline(np.array([0.0, 0.25, -1.0], np.float32))
    '09z'
    >>> draw_outline(np.zeros(9, np.float32)), draw_outline(None)
    ('', None)
    """
    if samples is None:
        return None
    from egoexobench.figures.previews import compute_waveform_peaks

    if not len(samples) or max(samples.max(), -samples.min()) <= SILENCE_PEAK:
        return ""
    last = len(OUTLINE_DIGITS) - 1
    peaks = compute_waveform_peaks(samples, NUM_SPANS).tolist()
    return "".join(OUTLINE_DIGITS[round(peak * last)] for peak in peaks)
