"""The text encoder: from text to tokens."""

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
class ViCLIPTextEncoder(nn.Module):
    """Encodes text with ViCLIP; ``tower`` is a text tower of open_clip."""

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
        """Return the token ids ``(T,)`` with start and end token, cut to the context length."""
        assert isinstance(source, str)  # noqa: S101 - the harness passes this modality
        ids: Tensor = _get_tokenizer()(source, self.tower.context_length)[0]
        return ids[: int(ids.argmax()) + 1].numpy()

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return the tokens of token ids ``(B, T)``, as `output` says."""
        length = mask.shape[1]
        ids = functional.pad(values * mask, (0, self.tower.context_length - length))
        pooled, words = self.tower(ids)
        if self.output == "text":
            return Tokens(pooled[:, None], mask[:, :1])
        return Tokens(words[:, :length] @ self.tower.text_projection, mask)


@cache
def _get_tokenizer() -> Any:
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer()
