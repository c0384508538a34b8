"""Clips and texts as the batches that `encode` of mteb takes: mteb's own types, decoded here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class VideoMetadata:
    """What mteb reads of the header of a video."""

    num_frames: int
    end_stream_seconds: float
    average_fps: float


@dataclass(frozen=True, slots=True)
class FrameBatch:
    """Frames uint8 ``(F, 3, H, W)``."""

    data: Tensor


@final
class DecodedVideo:
    """Decoded frames with the part of torchcodec's `VideoDecoder` that mteb calls.

    Args:
        pixels: uint8 ``(F, H, W, 3)``.
        times: of the frames, s, ``(F,)``.
    """

    def __init__(self, pixels: Tensor, times: Sequence[float]) -> None:
        self._frames = pixels.permute(0, 3, 1, 2)
        count = len(pixels)
        # a frame is shown until the next one; the last one as long as the others
        span = (times[-1] - times[0]) * count / (count - 1) if count > 1 else 1.0
        seconds = max(span, 1e-3)
        self.metadata = VideoMetadata(count, seconds, count / seconds)

    def get_frames_at(self, indices: Sequence[int]) -> FrameBatch:
        """Return the frames of some positions, in this order."""
        return FrameBatch(self._frames[torch.as_tensor(indices)].contiguous())


@final
class RowDataset(Dataset[dict[str, Any]]):
    """Rows with the same columns; mteb's models read the columns from ``features``."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.features = dict.fromkeys(rows[0])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """A copy of a row: collators of mteb replace its values."""
        return dict(self.rows[index])


def make_loader(rows: Sequence[Row], batch_size: int) -> DataLoader[dict[str, Any]]:
    """Return a loader of batches with a list of values for each column."""
    return DataLoader(RowDataset(rows), batch_size=batch_size, collate_fn=_collate)


def _collate(rows: Sequence[Row]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}
