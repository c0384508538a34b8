"""Encoder of clips: all frames of a clip together."""

from __future__ import annotations

from typing import Literal, final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from egoexobench.errors import DataError, UsageError
from egoexobench.toolbox.token_times import compute_token_times
from egoexobench.types import Audio, Frames, Modality, Tokens
from egoexobench_plugins.hub_encoders.encoder import HubEncoder
from egoexobench_plugins.hub_encoders.load import PretrainedModel
from egoexobench_plugins.hub_encoders.pictures import PictureProcessor
from egoexobench_plugins.hub_encoders.ragged import encode_by_length

VideoOutput = Literal["pooled", "frames", "tokens"]
FRAMES_AT_ONCE = 64
"""Frames of one forward pass, but at least one clip."""


@final
class HubVideoEncoder(HubEncoder):
    """Encodes clips with a model of video; the options are those of the factory."""

    modality: Modality = "video"

    def __init__(
        self,
        pretrained: PretrainedModel,
        *,
        output: VideoOutput,
        layer: int | None,
        frames: int | None,
        trained: bool,
    ) -> None:
        family = pretrained.family
        if not family.has_tokens and (output != "pooled" or layer is not None):
            raise UsageError(f"{family.model} gives one vector of a clip: write output=pooled")
        super().__init__(
            pretrained, output=output, layer=layer, trained=trained, has_vectors=output == "pooled"
        )
        self.step = pretrained.read_size(self.family.tubelet)
        self.num_frames = pretrained.read_size(self.family.frames) if self.family.frames else None
        self.chosen_frames = frames
        if frames is not None:
            self._check_count(frames)
        self.pictures = PictureProcessor(
            pretrained.folder, is_video=family.processor == "video", input_name=family.input
        ).train(trained)

    @property
    def resolution(self) -> int:
        """Side of the input images, in pixels."""
        return self.pictures.resolution

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.uint8 | np.float32]:
        """Return resized frames ``(T, 3, side, side)``.

        Raises:
            DataError: for a number of frames that the model does not take.
        """
        assert isinstance(source, Frames)  # noqa: S101 - the harness passes this modality
        selected = self._select_frames(len(source.pixels))
        return self.pictures.prepare(Frames(source.pixels[selected], source.times[selected]))

    def get_token_times(self, frame_times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the time of each token, the mean of its frames, s ``(T,)``."""
        return compute_token_times(
            frame_times[self._select_frames(len(frame_times))], output=self.output, step=self.step
        )

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return tokens of frames ``(B, T, 3, side, side)``: a clip, a time or a tube each."""
        return encode_by_length(values, mask, self._compute, dim=self.dim, num_rows=FRAMES_AT_ONCE)

    def _compute(self, frames: Tensor) -> Tensor:
        result = self.run_model(**self.pictures.make_inputs(frames))
        if self.is_published and self.pooling == "pooler":
            pooled: Tensor = result.pooler_output
            return pooled.reshape(len(frames), 1, self.dim)
        states = self.get_states(result)
        tubes = states[:, self.num_special :]
        if self.output == "tokens":
            return tubes
        if self.output == "pooled":
            return states[:, :1] if self.pooling == "first" else tubes.mean(1, keepdim=True)
        clips, num_steps = len(frames), frames.shape[1] // self.step
        if self.family.is_place_major:
            return tubes.reshape(clips, -1, num_steps, self.dim).mean(1)
        return tubes.reshape(clips, num_steps, -1, self.dim).mean(2)

    def _select_frames(self, num_frames: int) -> NDArray[np.int64]:
        """Return the middle of each of `frames` equal parts of a clip; all without that option.

        Raises:
            DataError: for a number of frames that the model does not take.
        """
        count = self.chosen_frames or num_frames
        if count > num_frames:
            raise DataError(
                f"frames={count}: a clip has {num_frames} frames; set num_frames={count} for the "
                "method"
            )
        self._check_count(count)
        selected: NDArray[np.int64] = ((np.arange(count) + 0.5) * num_frames / count).astype(int)
        return selected

    def _check_count(self, count: int) -> None:
        """Refuse what a model would drop or does not take.

        Raises:
            DataError: with the number of frames that it takes.
        """
        if self.num_frames not in (None, count):
            expected = str(self.num_frames)
        elif count % self.step:
            expected = f"a multiple of {self.step}"
        else:
            return
        raise DataError(
            f"{self.family.model} takes {expected} frames of a clip and gets {count}; set "
            "num_frames for the method, or the encoder's frames"
        )
