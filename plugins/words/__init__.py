"""Encoder `words`: a fixed random vector a word, frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder


@hookimpl
def register_encoders(register: Register) -> None:
    """Bring the encoder."""
    register("words", words)


def words(*, dim: int = 256) -> Encoder:
    """A token a word: a random vector that depends on the word alone.

    A frozen stand-in for a text encoder that knows no meaning and needs no vocabulary: vectors of
    different words are nearly orthogonal, so the trained projection behind it can learn one
    embedding a word.

    Args:
        dim: length of a vector.
    """
    from egoexobench_plugins.words.model import Words

    return Words(dim)
