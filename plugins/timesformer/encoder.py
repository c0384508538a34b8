"""The video encoder: from frames to tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from egoexobench.toolbox import checkpoint, layers, vision
from egoexobench.toolbox.token_times import compute_token_times
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.timesformer.checkpoint import load_pretrained
from egoexobench_plugins.timesformer.model import MatrixProjection, SpaceTimeTransformer
from egoexobench_plugins.timesformer.systems import (
    InflationRule,
    PublishedSystem,
    TimeSformerConfig,
)

Output = Literal["cls", "frames", "patches"]


@final
class TimeSformerEncoder(nn.Module):
    """Encodes video with TimeSformer; the options are those of the factory."""

    modality: Modality = "video"
    train = layers.train_unless_frozen

    def __init__(
        self,
        config: TimeSformerConfig,
        system: PublishedSystem,
        *,
        output: Output,
        project: int | None,
        trained: bool,
    ) -> None:
        super().__init__()
        self.system = system
        self.output = output
        self.frozen = not trained
        self.dim = project or config.width
        self.visual = SpaceTimeTransformer(config)
        self.projection: nn.Module | None = None
        if project:
            projection_class = nn.Linear if system.projection_bias else MatrixProjection
            self.projection = projection_class(config.width, project)
        layers.set_trainable(self, trained)

    @property
    def resolution(self) -> int:
        """Side of the input images, in pixels."""
        return self.visual.config.image

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.uint8]:
        """Return resized frames ``(T, image, image, 3)``, rounded to 8 bits a value."""
        return vision.to_uint8(
            vision.resize_frames(source, self.resolution, self.system.preprocess)
        )

    def get_token_times(self, frame_times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the time of each token, that of its frame, s ``(T,)``."""
        return compute_token_times(frame_times, output=self.output)

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return the tokens of prepared frames ``(B, T, image, image, 3)``, as `output` says.

        Pixels are normalized here, so that prepared frames take 8 bits a value.
        """
        lengths = mask.sum(1)
        if bool((lengths == lengths[0]).all()):
            return self._encode(values[:, : int(lengths[0])])
        return self._encode_ragged(values, lengths)

    def load_checkpoint(self, path: Path, inflate: InflationRule) -> None:
        """Load the tower's weights from a published checkpoint.

        Raises:
            DataError: if the file lacks a weight or has other sizes.
        """
        load_pretrained(self, checkpoint.read_state_dict(path), inflate, str(path))

    def embed(self, video: Tensor) -> Tensor:
        """Return the published embeddings ``(B, dim)`` of frames ``(B, T, 3, image, image)``."""
        return self._project(self.visual(video)[:, 0])

    def _encode(self, values: Tensor) -> Tokens:
        tokens = self.visual(vision.normalize(values, self.system.preprocess))  # (B, 1 + T * N, D)
        match self.output:
            case "cls":
                selected = tokens[:, :1]
            case "frames":
                selected = tokens[:, 1:].unflatten(1, (values.shape[1], -1)).mean(2)
            case "patches":
                selected = tokens
        tokens = self._project(selected)
        return Tokens(tokens, tokens.new_ones(tokens.shape[:2], dtype=torch.bool))

    def _encode_ragged(self, values: Tensor, lengths: Tensor) -> Tokens:
        """Encode all clips of a length together, so that no clip attends to padding."""
        rows: list[Tensor] = [values.new_zeros(0, self.dim)] * len(values)
        for length in sorted(set(lengths.tolist())):
            indices = (lengths == length).nonzero().flatten()
            if length:
                outputs = self._encode(values[indices, :length]).values
                for index, output in zip(indices.tolist(), outputs, strict=True):
                    rows[index] = output
        counts = torch.tensor([len(row) for row in rows], device=values.device)
        steps = torch.arange(max(int(counts.max()), 1), device=values.device)
        padded = [functional.pad(row, (0, 0, 0, len(steps) - len(row))) for row in rows]
        return Tokens(torch.stack(padded), steps < counts[:, None])

    def _project(self, tokens: Tensor) -> Tensor:
        if self.projection is None:
            return tokens
        projected: Tensor = self.projection(tokens)
        return projected
