"""Every wrong answerer is an AssertionError that names its fault, and a right one passes."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from egoexobench.testing import check_answerer
from egoexobench.types import ClipFormat, Question, QuestionAnswer

Answer = Callable[[Question], QuestionAnswer]


class GoodAnswerer:
    """It chooses by the brightness of the query."""

    clip_format = ClipFormat(2, 32, 16_000)
    max_candidates = 20

    def answer(self, questions) -> Iterator[QuestionAnswer]:
        for question in questions:
            yield self.answer_one(question)

    def answer_one(self, question: Question) -> QuestionAnswer:
        frames = question.query.frames
        total = 0 if frames is None else int(frames.pixels.sum())
        return QuestionAnswer(question.number, choice=total % len(question.candidates))


def make_answerer(answer: Answer, **attributes: object) -> GoodAnswerer:
    members = {"answer_one": lambda self, question: answer(question), **attributes}
    return type("Changed", (GoodAnswerer,), members)()


def choose(**fields: object) -> GoodAnswerer:
    return make_answerer(lambda question: QuestionAnswer(question.number, **fields))  # type: ignore[arg-type]


def answer_with(function) -> GoodAnswerer:
    """An answerer whose answers are changed as a list."""
    members = {"answer": lambda self, qs: function(GoodAnswerer().answer(qs))}
    return type("Changed", (GoodAnswerer,), members)()


@pytest.mark.parametrize(
    "answerer",
    [
        GoodAnswerer(),
        choose(order=()),
        choose(order=(1, 0)),
        choose(refusal="empty"),
        make_answerer(
            lambda q: QuestionAnswer(
                q.number, scores=tuple(float(n) for n in range(len(q.candidates)))
            )
        ),
        make_answerer(lambda q: QuestionAnswer(q.number, choice=0), clip_format=ClipFormat(0, 1)),
    ],
)
def test_right_answerers_pass(answerer: GoodAnswerer) -> None:
    check_answerer(answerer)


calls = Counter[str]()


def count_calls(question: Question) -> QuestionAnswer:
    calls["all"] += 1
    return QuestionAnswer(question.number, choice=calls["all"] % 2)


def read_number(question: Question) -> QuestionAnswer:
    raise OSError("no\nserver")


class OrderReader(GoodAnswerer):
    def answer(self, questions) -> Iterator[QuestionAnswer]:
        for index, question in enumerate(questions):
            yield QuestionAnswer(question.number, choice=index % 2)


class BatchReader(GoodAnswerer):
    def answer(self, questions) -> Iterator[QuestionAnswer]:
        batch = list(questions)
        return (QuestionAnswer(q.number, choice=len(batch) // 4) for q in batch)


@pytest.mark.parametrize(
    ("answerer", "message"),
    [
        (object(), "it has no attribute 'clip_format'"),
        (type("A", (GoodAnswerer,), {"clip_format": (2, 3)})(), "clip_format is .*ClipFormat"),
        (type("A", (GoodAnswerer,), {"clip_format": ClipFormat(1, 0)})(), "its side is not in"),
        (type("A", (GoodAnswerer,), {"max_candidates": 1})(), "nothing can be chosen"),
        (make_answerer(read_number), "answer raised OSError: no server"),
        (make_answerer(lambda question: "B"), "answer yields 'B' .str.; it must be QuestionAnswer"),  # type: ignore[arg-type,return-value]
        (choose(), "an answer has 0 of choice, order"),
        (choose(choice=1, refusal="x"), "an answer has 2 of"),
        (choose(choice=3), "an answer names 3 .int.; candidates are 0 to"),
        (choose(choice=True), "an answer names True .bool."),
        (choose(choice=-1), "an answer names -1"),
        (choose(order=[1]), "the order of an answer is .1. .list.; it must be tuple"),
        (choose(order=(1, 1)), "has a candidate twice"),
        (choose(scores=(1.0,)), "it must be a tuple of 3 numbers"),
        (choose(scores=(1.0, 2.0, float("nan"))), "a score of an answer is nan"),
        (choose(refusal=" "), "the refusal of an answer is"),
        (choose(failure="time-out"), "nothing came back: time-out"),
        (answer_with(lambda answers: list(answers)[1:]), "yields . answers to"),
        (answer_with(lambda answers: [a for a in answers for _ in "12"]), "is answered twice"),
        (make_answerer(lambda q: QuestionAnswer(99, refusal="x")), "99 is to no question"),
        (make_answerer(count_calls), "the same questions get other answers|order|alone"),
        (OrderReader(), "in another order"),
        (BatchReader(), "alone: an answer depends on the other questions"),
    ],
)  # fmt: skip
def test_a_wrong_answerer_is_named(answerer: object, message: str) -> None:
    with pytest.raises(AssertionError, match=message) as caught:
        check_answerer(answerer)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
