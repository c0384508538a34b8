"""Frames of a file by a rule; the quirks of the rules end here."""

from __future__ import annotations

from egoexobench.data.sampling import Indices, get_sampler
from egoexobench.errors import DataError, MediaError


def sample_frames(
    sampling: str, path: str, fps: float, frames: int, start: float, end: float, count: int
) -> Indices:
    """Return the indices ``(count,)`` of frames that the rule of that name gives.

    Args:
        sampling: name of the rule.
        path: of the file, for the message.
        fps: frame rate of the file, Hz.
        frames: frames in the file.
        start: start of the span, s.
        end: end of the span, s.
        count: how many indices.

    Raises:
        UsageError: there is no such rule, or it does not pick frames.
        MediaError: the rule fails for this span, gives fewer frames, or one that is not there.
    """
    rule = get_sampler(sampling)
    told = f"{path}: sampling {sampling!r}"
    try:
        found = rule(fps, frames, start, end, count)
    except DataError as error:
        raise MediaError("not_sampled", f"{told}: {error}") from error
    if len(found) < count:
        raise MediaError(
            "not_sampled",
            f"{told} gives {len(found)} frames of {start:g}-{end:g} s in {frames} frames; "
            f"{count} are asked for",
        )
    strange = found[(found < 0) | (found >= frames)]
    if strange.size:
        raise MediaError(
            "not_sampled", f"{told} gives frame {strange[0]}; the file has frames 0 to {frames - 1}"
        )
    return found
