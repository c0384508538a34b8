"""Choose the tracks that a player shows and plays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from av.stream import Discard, Disposition

from egoexobench.errors import MediaError

_NO_FILM = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_FOR_SOME = (
    Disposition.hearing_impaired
    | Disposition.visual_impaired
    | Disposition.comment
    | Disposition.descriptions
    | Disposition.dependent
)
_IMAGE_CODECS = {"mjpeg", "png", "bmp", "gif", "webp", "tiff"}


@dataclass(frozen=True, slots=True)
class ChosenTrack:
    """The track of a file that is decoded, by its position in the file, and why it is this one."""

    index: int
    reason: str


def choose_video(container: Any) -> ChosenTrack | None:
    """Return the video track that players show; None if the file has no film.

    Cover pictures are no film. A default track comes first, then one that is coded as a film and
    not as pictures, then the first.
    """
    streams = container.streams.video
    films = [stream for stream in streams if not stream.disposition & _NO_FILM]
    return _choose_track(films, num_left_out=len(streams) - len(films), kind="video")


def choose_audio(container: Any) -> ChosenTrack | None:
    """Return the audio track that players play; None if there is none.

    A default track comes first, then one that is not a commentary or for the impaired, then the
    first.
    """
    return _choose_track(container.streams.audio, num_left_out=0, kind="audio")


def check_decoder(container: Any, track: ChosenTrack, path: str) -> None:
    """Check that the codec of a track is known.

    Raises:
        MediaError: if it is not.
    """
    stream = container.streams[track.index]
    if stream.codec_context is None:
        kind = stream.type or "chosen"
        reason = f"{path}: the codec of its {kind} track is unknown; convert the file"
        raise MediaError("undecodable", reason)


def discard_others(container: Any, stream: Any) -> None:
    """Do not even read the packets of other tracks."""
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all


def _choose_track(streams: Sequence[Any], *, num_left_out: int, kind: str) -> ChosenTrack | None:
    if not streams:
        return None
    best = min(streams, key=_rank_track)
    suffix = f"; {num_left_out} cover pictures are left out" if num_left_out else ""
    if len(streams) == 1:
        return ChosenTrack(best.index, f"the only {kind} track{suffix}")
    is_only_default = [s for s in streams if s.disposition & Disposition.default] == [best]
    reason = "the default" if is_only_default else "the first to play"
    return ChosenTrack(best.index, f"{reason} of {len(streams)} {kind} tracks{suffix}")


def _rank_track(stream: Any) -> tuple[bool, bool, bool, bool, int]:
    """Return a key that sorts the track first that players take."""
    context = stream.codec_context
    return (
        context is None,
        not stream.disposition & Disposition.default,
        bool(stream.disposition & _FOR_SOME),
        context is not None and context.name in _IMAGE_CODECS,
        stream.index,
    )
