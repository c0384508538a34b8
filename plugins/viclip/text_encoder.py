"""From text to tokens."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal, final

from torch import Tensor, nn
from torch.nn import functional

from egoexobench.toolbox.layers import set_trainable, train_unless_frozen
from egoexobench.types import Audio, Frames, Modality, Tokens

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@final
class Text(nn.Module):
    """Options as in the factory; ``tower`` is open_clip's."""

    modality: Modality = "text"
    train = train_unless_frozen

    def __init__(self, tower: Any, output: Literal["words", "text"], trained: bool) -> None:
        super().__init__()
        self.tower = tower
        self.output = output
        self.frozen = not trained
        self.dim: int = tower.output_dim
        set_trainable(self, trained)

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.int64]:
        """Text to word pieces ``(T,)``, start and end token included, cut to the context."""
        assert isinstance(source, str)  # noqa: S101 - the harness hands over its modality
        ids: Tensor = _tokenizer()(source, self.tower.context_length)[0]
        return ids[: int(ids.argmax()) + 1].numpy()

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Word pieces ``(B, T)`` to tokens; see the option `output` for how many."""
        length = mask.shape[1]
        ids = functional.pad(values * mask, (0, self.tower.context_length - length))
        pooled, words = self.tower(ids)
        if self.output == "text":
            return Tokens(pooled[:, None], mask[:, :1])
        return Tokens(words[:, :length] @ self.tower.text_projection, mask)


@cache
def _tokenizer() -> Any:

    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer()
