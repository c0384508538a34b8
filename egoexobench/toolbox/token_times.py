"""Times of tokens that stand in time, for encoders with one token for each frame or tube."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def compute_token_times(
    frame_times: NDArray[np.float64], *, output: str = "frames", step: int = 1
) -> NDArray[np.float64]:
    """Return the time ``(F / step,)`` of each token of an encoder's output `frames`, s.

    Args:
        frame_times: times of the frames of a clip ``(F,)``, s.
        output: the encoder's option of that name.
        step: frames of a token, which has their mean time.

    Raises:
        UsageError: for another output, whose tokens are clips or patches.
    """
    if output != "frames":
        raise UsageError(
            f"output={output} gives no token for each frame; output=frames of the video encoder "
            "does"
        )
    times: NDArray[np.float64] = frame_times.reshape(-1, step).mean(1)
    return times
