"""Sample frames of a file with a rule, and check the result."""

from __future__ import annotations

from egoexobench.data.sampling import Indices, get_sampler
from egoexobench.errors import DataError, MediaError


def sample_frames(
    sampling: str,
    *,
    path: str,
    fps: float,
    num_file_frames: int,
    start: float,
    end: float,
    num_frames: int,
) -> Indices:
    """Return the indices ``(num_frames,)`` of the frames that a rule samples.

    Args:
        sampling: name of the rule.
        path: the file, for error messages.
        fps: frame rate of the file, Hz.
        num_file_frames: number of frames in the file.
        start: start of the clip, s.
        end: end of the clip, s.
        num_frames: number of frames to sample.

    Raises:
        UsageError: if there is no such rule, or it samples stored features.
        MediaError: if the rule fails for this clip, returns too few frames, or a frame that the
            file does not have.
    """
    rule = get_sampler(sampling)
    prefix = f"{path}: sampling {sampling!r}"
    try:
        indices = rule(fps, num_file_frames, start, end, count=num_frames)
    except DataError as error:
        raise MediaError("not_sampled", f"{prefix}: {error}") from error
    if len(indices) < num_frames:
        raise MediaError(
            "not_sampled",
            f"{prefix} returns {len(indices)} frames for {start:g}-{end:g} s of "
            f"{num_file_frames} frames, but {num_frames} are needed",
        )
    invalid = indices[(indices < 0) | (indices >= num_file_frames)]
    if invalid.size:
        raise MediaError(
            "not_sampled",
            f"{prefix} returns frame {invalid[0]}; the file has frames 0 to {num_file_frames - 1}",
        )
    return indices
