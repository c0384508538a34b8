"""Answerer `my-plugin-colors`: for systems without embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, final

from egoexobench import hookimpl
from egoexobench.types import ClipFormat, Question, QuestionAnswer, QuestionItem

if TYPE_CHECKING:
    import numpy as np
    from egoexobench import Register
    from egoexobench.protocols import Answerer
    from numpy.typing import NDArray


@hookimpl
def register_answerers(register: Register) -> None:
    """Register the answerer."""
    register("my-plugin-colors", colors)


def colors() -> Answerer:
    """The candidate whose mean color is nearest to that of the query."""
    return ColorAnswerer()


@final
class ColorAnswerer:
    """Answers each question from that question alone."""

    clip_format = ClipFormat(num_frames=2, side=32)  # and sample_rate=16_000 to hear the sound
    max_candidates = 20

    def answer(self, questions: Iterable[Question]) -> Iterator[QuestionAnswer]:
        """Yield one answer to each question: a choice, an order or scores, or a refusal.

        A system that calls a model yields ``failure=...`` where nothing came back, and has a
        `key` (`egoexobench.protocols.HasAnswerKey`), so that its answers are stored.
        """
        for question in questions:
            query = _compute_color(question.query)
            distances = [
                float(((_compute_color(candidate) - query) ** 2).sum())
                for candidate in question.candidates
            ]
            scores = tuple(-distance for distance in distances)
            yield QuestionAnswer(question.number, scores=scores)


def _compute_color(item: QuestionItem) -> NDArray[np.float64]:
    """Mean color of a clip; gray for a text, which has no frames."""
    import numpy as np

    if item.frames is None:
        return np.full(3, 127.5)
    color: NDArray[np.float64] = item.frames.pixels.mean((0, 1, 2))
    return color
