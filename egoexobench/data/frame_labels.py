"""The phases of the frames of a clip: checks, and the phase at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from egoexobench.types import FrameLabels


def find_label_fault(labels: FrameLabels, num_phases: int) -> str | None:
    """Return what is wrong with the labels of a clip; None if nothing is."""
    times, phases = labels.times, labels.phases
    if times.shape != phases.shape or times.ndim != 1:
        return f"has {len(phases)} phases for {len(times)} times"
    if not len(times):
        return "has no label"
    if not np.isfinite(times).all() or not (np.diff(times) > 0).all():
        return "has times that do not rise"
    if phases.dtype.kind != "i" or not ((phases >= -1) & (phases < num_phases)).all():
        return f"has a phase that is not in -1..{num_phases - 1}"
    return None


def find_phases(labels: FrameLabels, times: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the phase ``(T,)`` at some times, s: that of the nearest label, the earlier of two.

    >>> from egoexobench.types import FrameLabels
    >>> labels = FrameLabels("a", np.array([0.0, 1.0]), np.array([3, 4]))
    >>> find_phases(labels, np.array([0.4, 0.5, 0.6, 9.0])).tolist()
    [3, 3, 4, 4]
    """
    middles = (labels.times[1:] + labels.times[:-1]) / 2
    return labels.phases[np.searchsorted(middles, times)]
