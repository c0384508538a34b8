"""Random vectors of words."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from egoexobench.types import Audio, Frames, Modality, Tokens

if TYPE_CHECKING:
    from torch import Tensor

WORD = re.compile(r"\w+")


@final
class RandomWordVectors:
    """Options as in the factory."""

    modality: Modality = "text"
    frozen = True

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.float32]:
        """Text to ``(T, dim)``, a row a word; a text without words is one empty word."""
        assert isinstance(source, str)  # noqa: S101 - the harness hands over its modality
        found = WORD.findall(source.lower()) or [""]
        return np.stack([_vector(word, self.dim) for word in found])

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """The prepared rows are the tokens."""
        return Tokens(values, mask)


@lru_cache(maxsize=1 << 16)
def _vector(word: str, dim: int) -> NDArray[np.float32]:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little")
    return np.random.default_rng(seed).standard_normal(dim, np.float32)
