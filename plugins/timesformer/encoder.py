"""From frames to tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from egoexobench.toolbox import checkpoint, layers, vision
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.timesformer.checkpoint import fit
from egoexobench_plugins.timesformer.model import Matrix, SpaceTime
from egoexobench_plugins.timesformer.systems import Inflate, Shape, System

Output = Literal["cls", "frames", "patches"]


@final
class TimeSformer(nn.Module):
    """Options as in the factory."""

    modality: Modality = "video"
    train = layers.train_unless_frozen

    def __init__(
        self, shape: Shape, system: System, output: Output, project: int | None, trained: bool
    ) -> None:
        super().__init__()
        self.system = system
        self.output = output
        self.frozen = not trained
        self.dim = project or shape.width
        self.visual = SpaceTime(shape)
        self.projection: nn.Module | None = None
        if project:
            kind = nn.Linear if system.projection_bias else Matrix
            self.projection = kind(shape.width, project)
        layers.set_trainable(self, trained)

    @property
    def resolution(self) -> int:
        """Pixels along a side of what it looks at."""
        return self.visual.shape.image

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.float16]:
        """Frames ``(T, H, W, 3)`` to ``(T, image, image, 3)``, still on a scale of 0 to 255."""
        return vision.resize_frames(source, self.resolution, self.system.preprocess).half().numpy()

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Prepared ``(B, T, image, image, 3)`` to tokens; see the option `output` for how many."""
        lengths = mask.sum(1)
        if bool((lengths == lengths[0]).all()):
            return self._encode(values[:, : int(lengths[0])])
        return self._ragged(values, lengths)

    def load(self, path: Path, inflate: Inflate) -> None:
        """Take the tower's weights out of a published checkpoint.

        Raises:
            DataError: for a file that lacks one of them, or whose sizes are others.
        """
        fit(self, checkpoint.read_state_dict(path), inflate, str(path))

    def embed(self, video: Tensor) -> Tensor:
        """Normalised frames ``(B, T, 3, image, image)`` to the published embedding ``(B, dim)``."""
        return self._project(self.visual(video)[:, 0])

    def _encode(self, values: Tensor) -> Tokens:
        every = self.visual(vision.normalize(values, self.system.preprocess))  # (B, 1 + T * N, D)
        match self.output:
            case "cls":
                kept = every[:, :1]
            case "frames":
                kept = every[:, 1:].unflatten(1, (values.shape[1], -1)).mean(2)
            case "patches":
                kept = every
        tokens = self._project(kept)
        return Tokens(tokens, tokens.new_ones(tokens.shape[:2], dtype=torch.bool))

    def _ragged(self, values: Tensor, lengths: Tensor) -> Tokens:
        """Clips of one length at a time, so that a clip never attends to padding."""
        rows: list[Tensor] = [values.new_zeros(0, self.dim)] * len(values)
        for length in sorted(set(lengths.tolist())):
            chosen = (lengths == length).nonzero().flatten()
            if length:
                found = self._encode(values[chosen, :length]).values
                for place, one in zip(chosen.tolist(), found, strict=True):
                    rows[place] = one
        counts = torch.tensor([len(row) for row in rows], device=values.device)
        steps = torch.arange(max(int(counts.max()), 1), device=values.device)
        padded = [functional.pad(row, (0, 0, 0, len(steps) - len(row))) for row in rows]
        return Tokens(torch.stack(padded), steps < counts[:, None])

    def _project(self, tokens: Tensor) -> Tensor:
        if self.projection is None:
            return tokens
        projected: Tensor = self.projection(tokens)
        return projected
