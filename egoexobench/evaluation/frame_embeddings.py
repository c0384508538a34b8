"""Embeddings of the frames of videos whose phases are known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from egoexobench.errors import DataError
from egoexobench.types import MAX_PHASES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from egoexobench.types import View

NO_PHASE = -1
"""The label of a frame that belongs to no phase."""


@dataclass(frozen=True)
class FrameEmbeddings:
    """One vector for each frame of V videos, N frames in total.

    Attributes:
        clip_ids: of the videos, ``(V,)``.
        views: ``(V,)``.
        lengths: frames of each video, at least one, ``(V,)``.
        vectors: float32 ``(N, D)``; the frames of a video are contiguous and in order.
        labels: phases ``(N,)`` from 0 to `MAX_PHASES` - 1, or -1 for a frame that belongs to none.
        times: of the frames, in s of the media file, ``(N,)``; they rise within a video.
        activities: ``(V,)``; only videos of one activity are aligned. Empty: all are of one.

    Raises:
        DataError: for arrays that do not belong together, with the video and the frame.
    """

    clip_ids: tuple[str, ...]
    views: tuple[View, ...]
    lengths: NDArray[np.int64]
    vectors: NDArray[np.float32]
    labels: NDArray[np.int64]
    times: NDArray[np.float64]
    activities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check_lengths()
        broken = np.flatnonzero(~np.isfinite(self.vectors).all(1))
        if len(broken):
            raise DataError(
                f"{len(broken)} of {len(self.vectors)} embeddings of frames contain NaN or "
                f"infinity, first {self.name_frame(int(broken[0]))}"
            )
        unknown = np.flatnonzero((self.labels < NO_PHASE) | (self.labels >= MAX_PHASES))
        if len(unknown):
            raise DataError(
                f"{self.name_frame(int(unknown[0]))} has the label "
                f"{self.labels[unknown[0]]}; a phase is from 0 to {MAX_PHASES - 1}, and -1 is none"
            )
        inside = self.videos[1:] == self.videos[:-1]
        late = np.flatnonzero(inside & ~(np.diff(self.times) > 0))
        if len(late):
            raise DataError(
                f"{self.name_frame(int(late[0]) + 1)} is at {self.times[late[0] + 1]:g} s, and the "
                f"frame before it at {self.times[late[0]]:g} s; the times of a video rise"
            )

    def _check_lengths(self) -> None:
        num_videos, total = len(self.clip_ids), int(self.lengths.sum())
        if not len(self.views) == len(self.lengths) == num_videos:
            raise DataError(
                f"{num_videos} videos have {len(self.views)} views and {len(self.lengths)} lengths"
            )
        if self.activities and len(self.activities) != num_videos:
            raise DataError(f"{num_videos} videos have {len(self.activities)} activities")
        empty = np.flatnonzero(self.lengths < 1)
        if len(empty):
            name, length = self.clip_ids[empty[0]], self.lengths[empty[0]]
            raise DataError(f"video {name!r} has {length} frames; the least is 1")
        if self.vectors.ndim != 2 or not self.vectors.shape[1]:
            raise DataError(f"embeddings of frames have the shape {self.vectors.shape}, not (N, D)")
        for name, size in (
            ("embeddings", len(self.vectors)),
            ("labels", len(self.labels)),
            ("times", len(self.times)),
        ):
            if size != total:
                raise DataError(
                    f"{num_videos} videos have {total} frames in total, and there are {size} {name}"
                )

    @cached_property
    def videos(self) -> NDArray[np.int64]:
        """The position of each frame's video, ``(N,)``."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @cached_property
    def positions(self) -> NDArray[np.int64]:
        """The number of each frame within its video, from 0, ``(N,)``."""
        starts = np.cumsum(self.lengths) - self.lengths
        return np.arange(len(self.videos)) - starts[self.videos]

    @cached_property
    def is_ego(self) -> NDArray[np.bool_]:
        """Whether each frame is of an ego video, ``(N,)``."""
        return np.array([view == "ego" for view in self.views], bool)[self.videos]

    @cached_property
    def has_phase(self) -> NDArray[np.bool_]:
        """Whether each frame belongs to a phase, ``(N,)``."""
        return np.asarray(self.labels != NO_PHASE)

    @cached_property
    def clusters(self) -> tuple[str, ...]:
        """What videos are independent by, ``(V,)``: activities, or videos if all are of one."""
        return self.activities if len(set(self.activities)) > 1 else self.clip_ids

    def name_frame(self, row: int) -> str:
        """Return which frame a row is, for messages."""
        video = self.clip_ids[self.videos[row]]
        return f"frame {self.positions[row]} of video {video!r} (row {row})"

    def select_view(self, view: View) -> FrameEmbeddings:
        """Return the videos of one view."""
        return self.select_frames(self.is_ego == (view == "ego"))

    def select_frames(self, rows: NDArray[np.bool_]) -> FrameEmbeddings:
        """Return some frames, and the videos that they are of; they are counted anew."""
        lengths = np.bincount(self.videos[rows], minlength=len(self.lengths))
        remaining = np.flatnonzero(lengths).tolist()
        return replace(
            self,
            clip_ids=tuple(self.clip_ids[index] for index in remaining),
            views=tuple(self.views[index] for index in remaining),
            activities=tuple(self.activities[index] for index in remaining if self.activities),
            lengths=lengths[remaining],
            vectors=self.vectors[rows],
            labels=self.labels[rows],
            times=self.times[rows],
        )
