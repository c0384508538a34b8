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

WORD_PATTERN = re.compile(r"\w+")


@final
class RandomWordEncoder:
    """Encodes words as random vectors; the options are those of the factory."""

    modality: Modality = "text"
    frozen = True

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def prepare(self, source: Frames | Audio | str) -> NDArray[np.float32]:
        """Return a row per word, ``(T, dim)``; a text without words has one empty word."""
        assert isinstance(source, str)  # noqa: S101 - the harness passes this modality
        tokens = WORD_PATTERN.findall(source.lower()) or [""]
        return np.stack([_make_vector(word, self.dim) for word in tokens])

    def encode(self, values: Tensor, mask: Tensor) -> Tokens:
        """Return the prepared rows as tokens."""
        return Tokens(values, mask)


@lru_cache(maxsize=1 << 16)
def _make_vector(word: str, dim: int) -> NDArray[np.float32]:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little")
    return np.random.default_rng(seed).standard_normal(dim, np.float32)
