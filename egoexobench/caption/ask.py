"""What a captioner may have beside `caption`: both Protocols are optional."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from egoexobench.errors import DataError


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing to ask a model for.

    Without ``concepts``, ``text`` is a narration and its sound caption is asked for
    (``LLM(t, prompt)``; paper, 3.2); with them, ``text`` is a caption that is to be refined:
    ``LLM(c, frequent concepts, prompt)``. ``refused`` is a former answer that was no closed
    caption; the empty string, if none came at all.
    """

    text: str
    concepts: tuple[str, ...] = ()
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, as it came; ``failure`` says in a word or two why nothing did."""

    ask: Ask
    text: str
    failure: str = ""


class NoAnswerError(DataError):
    """No further answer can come: no model, no key, no server. The message says what to do."""


@runtime_checkable
class Asked(Protocol):
    """A captioner that asks a model: slow, fallible, worth keeping answers of."""

    @property
    def key(self) -> Mapping[str, object]:
        """What decides an answer beside the ask; a change of it starts a new file of answers."""
        ...

    @property
    def frequent(self) -> float | None:
        """Share of training narrations from which on a concept is refined away; None is never."""
        ...

    def answer(self, asks: Iterable[Ask]) -> Iterator[Answer]:
        """Give one answer to each ask as it comes, in any order; asks are drawn when needed.

        Raises:
            NoAnswerError: if no further answer can come.
        """
        ...


@runtime_checkable
class Refining(Protocol):
    """A captioner without a model that drops frequent concepts itself."""

    @property
    def frequent(self) -> float | None:
        """Share of training narrations from which on a concept is refined away; None is never."""
        ...

    def refine(self, captions: Sequence[str], concepts: Sequence[str]) -> Sequence[str]:
        """Give each caption without the concepts: same length, same order, none empty.

        Args:
            captions: closed captions.
            concepts: frequent sources and effects, the most frequent first.
        """
        ...


def replies(model: Asked, narrations: Sequence[str]) -> list[str]:
    """What a model answers to narrations, in their order, unchecked: `caption` of a captioner."""
    found = {answer.ask.text: answer.text for answer in model.answer(map(Ask, narrations))}
    return [found[text] for text in narrations]
