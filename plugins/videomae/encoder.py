"""From frames to tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, final

from torch import Tensor, nn

from egoexobench.features import tower
from egoexobench.values import Frames, Modality, Sound, Tokens
from egoexobench_plugins.videomae.model import VideoMAE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LOOK = tower.Look(*tower.IMAGENET, "crop")


@final
class Video(nn.Module):
    """Options as in the factory."""

    modality: Modality = "video"
    train = tower.still

    def __init__(
        self, model: VideoMAE, output: Literal["clip", "frames", "patches"], trained: bool
    ) -> None:
        super().__init__()
        self.model = model
        self.output = output
        self.frozen = not trained
        self.dim = model.shape.width
        tower.settle(self, trained)

    @property
    def resolution(self) -> int:
        """Pixels along a side of what it looks at."""
        return self.model.shape.image

    def prepare(self, source: Frames | Sound | str) -> NDArray[np.uint8]:
        """Frames ``(T, H, W, 3)`` to ``(T, side, side, 3)``, resized and cropped.

        Raises:
            DataError: for another number of frames than the network takes.
        """
        tower.counted(source, self.model.shape.frames, "videomae")
        return tower.rounded(tower.squares(source, self.resolution, LOOK))

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Prepared ``(B, T, side, side, 3)`` to tokens; see the option `output` for how many.

        Mean and deviation are taken off here, so that what is prepared stays 8 bits a value.
        """
        real = mask[:, :1]
        if values.shape[1] != self.model.shape.frames:  # no clip of the batch has any picture
            return Tokens(values.new_zeros(len(values), 1, self.dim), real)
        tubes = self.model.tubes(tower.normed(values, LOOK))  # (B, T / 2, places, D)
        match self.output:
            case "clip":
                tokens = self.model.fc_norm(tubes.mean((1, 2)))[:, None]
            case "frames":
                tokens = self.model.fc_norm(tubes.mean(2))
            case "patches":
                tokens = tubes.flatten(1, 2)
        return Tokens(tokens, real.expand(-1, tokens.shape[1]))
