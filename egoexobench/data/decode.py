"""Decode frames and audio of clips.

Frames, sound and clips share one clock, which is that of the file: a frame belongs to the time that
the file gives it, and the sound of a clip is as long as the clip.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoexobench.data import clip_timing
from egoexobench.data.audio_levels import SILENCE_PEAK
from egoexobench.data.clip_timing import MediaClock
from egoexobench.data.decode_audio import decode_span_audio
from egoexobench.data.decode_frames import decode_frames, read_sampled_times
from egoexobench.data.decoded_clip import AudioState, DecodedClip, SampledFrames, SpanAudio
from egoexobench.data.downmix import AUDIO_SAMPLE_RATE
from egoexobench.data.frame_extras import NO_EXTRAS, FrameExtras
from egoexobench.data.media_info import MediaInfo, probe_media
from egoexobench.data.open_media import open_media
from egoexobench.data.sampling import DEFAULT_SAMPLING, get_sampler
from egoexobench.data.tracks import ChosenTrack, choose_audio, choose_video
from egoexobench.errors import ClipError, MediaError
from egoexobench.types import Audio, Clip, Frames

__all__ = [
    "AudioState",
    "DecodedClip",
    "decode_audio",
    "decode_clip",
    "read_frame_times",
    "read_media_info",
]


def decode_clip(
    clip: Clip,
    num_frames: int,
    *,
    with_audio: bool,
    sampling: str = DEFAULT_SAMPLING,
    sample_rate: int = AUDIO_SAMPLE_RATE,
    rng: np.random.Generator | None = None,
    extras: FrameExtras = NO_EXTRAS,
) -> DecodedClip:
    """Decode a clip.

    Args:
        clip: the clip.
        num_frames: number of frames; 0 decodes no video.
        with_audio: decode the audio as well.
        sampling: name of the sampling rule, one of `SAMPLERS`.
        sample_rate: of the audio, Hz.
        rng: takes random frames of the segments of the rule, as in training; None takes those of
            evaluation.
        extras: what is decoded beside the sampled frames.

    Raises:
        UsageError: if there is no such rule, or it does not sample frames.
        MediaError: if the file is missing, damaged or not a media file, if the span of the clip
            is not inside the file, or if the rule gives too few frames.
        ClipError: if there should be boxes and they do not fit.
    """
    get_sampler(sampling)  # a wrong name is not an error of the file
    try:
        return _decode_clip(
            clip,
            num_frames,
            with_audio=with_audio,
            sampling=sampling,
            sample_rate=sample_rate,
            rng=rng,
            extras=extras,
        )
    except MediaError as error:
        raise MediaError(error.kind, error.reason, clip.id) from error
    except ClipError as error:
        raise ClipError(error.category, error.reason, clip.id) from error


def read_frame_times(
    clip: Clip, num_frames: int, *, sampling: str = DEFAULT_SAMPLING
) -> NDArray[np.float64]:
    """Return the times ``(F,)`` of the frames that `decode_clip` samples, s; nothing is decoded.

    Raises:
        UsageError: if there is no such rule, or it does not sample frames.
        MediaError: as `decode_clip`.
    """
    get_sampler(sampling)
    try:
        with open_media(clip.media) as container:
            clock = clip_timing.get_cached_clock(clip.media) or _read_clock(container, clip.media)
            end = clip_timing.find_clip_end(clock, clip)
            return read_sampled_times(
                container,
                _require_video(container, clip.media),
                clip.media,
                clock=clock,
                start=clip.start,
                end=end,
                num_frames=num_frames,
                sampling=sampling,
            )
    except MediaError as error:
        raise MediaError(error.kind, error.reason, clip.id) from error


def decode_audio(clip: Clip) -> NDArray[np.float32] | None:
    """Return the mono samples ``(S,)`` of a clip at `AUDIO_SAMPLE_RATE`, also if they are silent.

    The result is None if the file has no audio track, and has no samples if the track is empty.

    Raises:
        MediaError: as `decode_clip`.
    """
    samples, _ = decode_clip_audio(clip)
    return samples


def decode_clip_audio(
    clip: Clip, sample_rate: int = AUDIO_SAMPLE_RATE
) -> tuple[NDArray[np.float32] | None, SpanAudio | None]:
    """Return the samples as `decode_audio`, at any sample rate, and where in the file they stand.

    Raises:
        MediaError: as `decode_clip`.
    """
    clock = clip_timing.get_cached_clock(clip.media)
    with open_media(clip.media, with_video=clock is None) as container:
        clock = clock or _read_clock(container, clip.media)
        track = choose_audio(container)
        if track is None:
            return None, None
        return decode_span_audio(
            container,
            track,
            clip.media,
            clock=clock,
            start=clip.start,
            end=clip_timing.find_clip_end(clock, clip),
            sample_rate=sample_rate,
        )


def read_media_info(path: str) -> MediaInfo:
    """Return duration and tracks of a file.

    A duration that no header states is that of the packets.

    Raises:
        MediaError: if the file is missing or is not a media file.
    """
    with open_media(path) as container:
        return probe_media(
            container,
            _read_clock(container, path).duration,
            video=choose_video(container),
            audio=choose_audio(container),
        )


def read_media_clock(path: str) -> MediaClock:
    """Return the clock of a file, which its frames, its sound and its clips share.

    Raises:
        MediaError: if the file is missing or is not a media file.
    """
    clock = clip_timing.get_cached_clock(path)
    if clock is not None:
        return clock
    with open_media(path) as container:
        return _read_clock(container, path)


def _decode_clip(
    clip: Clip,
    num_frames: int,
    *,
    with_audio: bool,
    sampling: str,
    sample_rate: int,
    rng: np.random.Generator | None,
    extras: FrameExtras,
) -> DecodedClip:
    frames, sampled = None, None
    if num_frames or not with_audio:
        frames, sampled = _decode_clip_frames(
            clip, num_frames, sampling=sampling, rng=rng, extras=extras
        )
    if not with_audio:
        return DecodedClip(frames, None, "not_requested", sampled)
    # the sound has a file of its own: where a seek ends depends on what was read before it
    samples, span_audio = decode_clip_audio(clip, sample_rate)
    if samples is None:
        return DecodedClip(frames, None, "no_track", sampled)
    is_silent = samples.size == 0 or max(samples.max(), -samples.min()) <= SILENCE_PEAK
    return DecodedClip(
        frames=frames,
        audio=None if is_silent else Audio(samples, sample_rate),
        state="silent" if is_silent else "audible",
        sampled=sampled,
        span_audio=span_audio,
        samples=samples,
    )


def _decode_clip_frames(
    clip: Clip,
    num_frames: int,
    *,
    sampling: str,
    rng: np.random.Generator | None,
    extras: FrameExtras,
) -> tuple[Frames | None, SampledFrames | None]:
    with open_media(clip.media) as container:
        clock = clip_timing.get_cached_clock(clip.media) or _read_clock(container, clip.media)
        end = clip_timing.find_clip_end(clock, clip)
        if not num_frames:
            return None, None
        return decode_frames(
            container,
            _require_video(container, clip.media),
            clip.media,
            clock=clock,
            start=clip.start,
            end=end,
            num_frames=num_frames,
            sampling=sampling,
            rng=rng,
            extras=extras,
        )


def _require_video(container: Any, path: str) -> ChosenTrack:
    track = choose_video(container)
    if track is None:
        raise MediaError("no_video", f"{path} has no video track")
    return track


def _read_clock(container: Any, path: str) -> MediaClock:
    video, audio = choose_video(container), choose_audio(container)
    return clip_timing.read_clock(
        container,
        path,
        video=None if video is None else container.streams[video.index],
        audio=None if audio is None else container.streams[audio.index],
    )
