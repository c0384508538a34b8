"""Encoder `random-word-vectors`: a fixed random vector for each word, frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder


@hookimpl
def register_encoders(register: Register) -> None:
    """Register the encoder."""
    register("random-word-vectors", random_word_vectors, aliases=("words",), modality="text")


def random_word_vectors(*, dim: int = 256) -> Encoder:
    """One token per word: a random vector that depends on the word alone.

    A small frozen encoder in place of a text network. It knows no meaning and needs no vocabulary.
    The vectors of different words are nearly orthogonal, so the trained projection can learn one
    embedding for each word.

    Args:
        dim: length of a vector.
    """
    from egoexobench_plugins.random_word_vectors.model import RandomWordEncoder

    return RandomWordEncoder(dim)
