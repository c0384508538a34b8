"""The encoder: from the frames of a video to one vector for each sampled frame."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, final

import numpy as np
import torch
from torch import Tensor, nn

from egoexobench.errors import DataError
from egoexobench.toolbox import checkpoint, layers, vision
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.ae2.config import BOX_WIDTH, NUM_BOXES, AE2Config
from egoexobench_plugins.ae2.model import build_embedder
from egoexobench_plugins.ae2.pictures import shrink_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

Channels = Literal["bgr", "rgb"]
PREPROCESS = vision.ImagePreprocess((127.5,) * 3, (127.5,) * 3, "stretch")
"""Pixels from -1 to 1."""
CONTEXT_ONLY = -1
"""Position of the context of a frame that is itself only the context of others."""
CHUNK = 64
"""Frames of one forward pass of an encoder that is not training."""
LIGHTNING_PREFIX = "model."
LATE_STAGES = ("layer4.", "fc.")
"""Parts of torchvision's ResNet-50 that AE2 does not have."""


class _FrameRows(NamedTuple):
    """The frames of a batch that are no padding, ``(R, ...)``."""

    pixels: Tensor
    context: Tensor
    """Row of the frame before each; `CONTEXT_ONLY` for a frame without a token."""
    boxes: Tensor | None
    clips: Tensor
    """Clip of each row."""


@final
class AE2Encoder(nn.Module):
    """Encodes each frame together with an earlier one; the options are those of the factory."""

    modality: Modality = "video"
    train = layers.train_unless_frozen

    def __init__(
        self, config: AE2Config, *, channels: Channels, context_step: int, trained: bool
    ) -> None:
        super().__init__()
        self.config, self.channels, self.context_step = config, channels, context_step
        self.frozen = not trained
        self.dim = config.project
        self.reads_boxes = config.object_centric
        self.model = build_embedder(config)
        used = [name for name, weight in self.model.named_parameters() if weight.requires_grad]
        layers.set_trainable(self, trained)
        for name, weight in self.model.named_parameters():
            weight.requires_grad_(trained and name in used)

    @property
    def resolution(self) -> int:
        """Side of the input images, in pixels."""
        return self.config.image

    def get_token_times(self, frame_times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the time of each sampled frame, s."""
        return frame_times

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.uint8]:
        """Return a row of bytes for each frame: its pixels, its context, and its boxes.

        Raises:
            DataError: if the encoder reads boxes and a clip has none, or another number of them.
        """
        assert isinstance(source, Frames)  # noqa: S101 - the harness passes this modality
        pixels = shrink_frames(source.pixels, self.resolution)
        num_frames = len(pixels)
        context = np.arange(num_frames) if source.context is None else source.context
        parts = [
            pixels.reshape(num_frames, -1),
            context.astype("<i4")[:, None].view(np.uint8),
        ]
        if self.reads_boxes:
            boxes = _fit_boxes(source, self.resolution)
            parts.append(boxes.reshape(num_frames, -1).astype("<f4").view(np.uint8))
        return np.concatenate(parts, 1)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return a token for each sampled frame of rows ``(B, R, bytes)``."""
        rows = self._unpack(values, mask)
        sampled = (rows.context >= 0).nonzero().flatten()
        pairs = torch.stack([rows.context[sampled], sampled], 1)  # (N, 2)
        counts = torch.bincount(rows.clips[sampled], minlength=len(values))
        steps = torch.arange(max(int(counts.max()), 1), device=values.device)
        token_mask = steps < counts[:, None]  # (B, T)
        vectors = self._embed(rows, pairs)
        tokens = vectors.new_zeros(*token_mask.shape, self.dim)
        tokens[token_mask] = vectors
        return Tokens(tokens, token_mask)

    def load_checkpoint(self, path: Path) -> None:
        """Load the weights of a published checkpoint, whose keys begin with ``model.``.

        Raises:
            DataError: if the file lacks a weight, has another one, or one of another size.
        """
        state = checkpoint.read_state_dict(path)
        state = {key.removeprefix(LIGHTNING_PREFIX): value for key, value in state.items()}
        checkpoint.load_state_dict_strict(self.model, state, f"ae2 ({path})")

    def load_backbone(self, path: Path) -> None:
        """Load the weights of the stem from a checkpoint of torchvision's ResNet-50.

        Raises:
            DataError: as `load_checkpoint`; the last stage and the classifier are not used.
        """
        state = checkpoint.read_state_dict(path)
        unused = [key for key in state if key.startswith(LATE_STAGES)]
        checkpoint.load_state_dict_strict(
            self.model.base_model, state, f"the stem of ae2 ({path})", ignored_keys=unused
        )

    def _unpack(self, values: Tensor, mask: Tensor) -> _FrameRows:
        side = self.resolution
        clips, positions = mask.nonzero(as_tuple=True)
        rows = values[clips, positions]  # (R, bytes)
        num_pixels = side * side * 3
        pixels = rows[:, :num_pixels].view(-1, side, side, 3)
        numbers = rows[:, num_pixels:].contiguous()
        context = numbers[:, :4].contiguous().view(torch.int32).flatten().long()
        # positions count within a clip, and from now on within all rows of the batch
        first_rows = torch.arange(len(clips), device=clips.device) - positions
        context = torch.where(context >= 0, context + first_rows, context)
        boxes = None
        if self.reads_boxes:
            shape = (-1, NUM_BOXES, BOX_WIDTH)
            boxes = numbers[:, 4:].contiguous().view(torch.float32).view(shape)
        return _FrameRows(pixels, context, boxes, clips)

    def _embed(self, rows: _FrameRows, pairs: Tensor) -> Tensor:
        if self.training or len(pairs) <= CHUNK:
            return self._embed_chunk(rows, pairs)
        return torch.cat([self._embed_chunk(rows, chunk) for chunk in torch.split(pairs, CHUNK)])

    def _embed_chunk(self, rows: _FrameRows, pairs: Tensor) -> Tensor:
        """Return vectors ``(N, D)``; each distinct frame goes through the stem once.

        In training a frame goes through it as often as it stands in a pair, as in the release, so
        that batch norm counts it as often.
        """
        if not len(pairs):
            return torch.zeros(0, self.dim, device=pairs.device)
        boxes = None if rows.boxes is None else rows.boxes[pairs[:, 1]]
        if self.training:
            frames = pairs.flatten()
            pairs = torch.arange(len(frames), device=frames.device).view(-1, 2)
        else:
            frames, pairs = torch.unique(pairs, return_inverse=True)
        images = vision.normalize(rows.pixels[frames], PREPROCESS)  # (U, 3, S, S)
        if self.channels == "bgr":
            images = images.flip(1)
        vectors: Tensor = self.model(images, pairs, boxes)
        return vectors


def _fit_boxes(frames: Frames, side: int) -> NDArray[np.float32]:
    """Return the boxes of frames ``(F, 4, 10)`` in pixels of the image that the network reads."""
    num_frames, height, width = frames.pixels.shape[:3]
    if frames.boxes is None:
        raise DataError(
            "ae2: the clip has no boxes of hands and objects, which object_centric=true reads; "
            "take a data set that has them, or object_centric=false"
        )
    if frames.boxes.shape != (num_frames, NUM_BOXES, BOX_WIDTH):
        raise DataError(
            f"ae2: boxes of {num_frames} frames have the shape {frames.boxes.shape}; the network "
            f"reads {NUM_BOXES} boxes of {BOX_WIDTH} numbers for each frame"
        )
    boxes = frames.boxes.astype(np.float32)
    boxes[..., :4] *= np.array([side / width, side / height] * 2, np.float32)
    return boxes
