"""The contract of answerers."""

from __future__ import annotations

import numpy as np

from egoexobench.part_results import find_answer_fault
from egoexobench.protocols import Answerer, HasAnswerKey
from egoexobench.testing.assertions import (
    check_has,
    check_instance,
    check_that,
    check_valid,
    report_errors,
)
from egoexobench.types import Audio, ClipFormat, Frames, Question, QuestionAnswer, QuestionItem

_NUM_CANDIDATES = 3
_MAX_SIDE = 4096


def check_answerer(answerer: Answerer, *, seed: int = 0) -> None:
    """Check that an answerer gives each question one valid answer, the same in every order.

    Args:
        answerer: the answerer; a model behind it must answer greedily.
        seed: of the pictures and sounds of the check.

    Raises:
        AssertionError: with one line that says what is wrong.
    """
    check_has(answerer, methods=["answer"], attributes=["clip_format", "max_candidates"])
    with report_errors("reading clip_format"):
        clip_format = answerer.clip_format
    check_instance(clip_format, ClipFormat, "clip_format")
    check_that(clip_format.num_frames >= 0, "clip_format has fewer than 0 frames")
    check_that(0 < clip_format.side <= _MAX_SIDE, f"its side is not in 1..{_MAX_SIDE}")
    check_that(answerer.max_candidates >= 2, "max_candidates is below 2: nothing can be chosen")
    questions = _make_questions(clip_format, min(_NUM_CANDIDATES, answerer.max_candidates), seed)
    answers = _ask(answerer, questions)
    check_that(_ask(answerer, questions) == answers, "the same questions get other answers")
    backwards = _ask(answerer, questions[::-1])
    check_that(backwards == answers, "in another order: the order of questions changes answers")
    alone = {n: a for question in questions for n, a in _ask(answerer, [question]).items()}
    check_that(alone == answers, "alone: an answer depends on the other questions")
    _ask(answerer, [])
    if isinstance(answerer, HasAnswerKey):
        with report_errors("reading key"):
            check_that(answerer.key == answerer.key, "key changes from one reading to the next")


def _ask(answerer: Answerer, questions: list[Question]) -> dict[int, QuestionAnswer]:
    answers: dict[int, QuestionAnswer] = {}
    numbers = {question.number: question for question in questions}
    with report_errors("answer"):
        results = list(answerer.answer(iter(questions)))
    for answer in results:
        question = numbers.get(getattr(answer, "number", None) or 0)
        check_valid(find_answer_fault(answer, len(question.candidates) if question else 0))
        check_that(question is not None, f"answer number {answer.number} is to no question")
        check_that(answer.number not in answers, f"question {answer.number} is answered twice")
        check_that(not answer.failure, f"nothing came back: {answer.failure}")
        answers[answer.number] = answer
    missing = [number for number in numbers if number not in answers]
    check_that(not missing, f"answer yields {len(answers)} answers to {len(questions)} questions")
    return answers


def _make_questions(clip_format: ClipFormat, num_candidates: int, seed: int) -> list[Question]:
    """Return a question about videos, one from a text and one to texts, and one of two."""
    rng = np.random.default_rng(seed)
    clips = [_make_clip(clip_format, rng) for _ in range(2 * num_candidates)]
    texts = [QuestionItem(text=text) for text in ("C cuts an onion.", 'a "jar"\nopens', "切蒜")]
    video = tuple(clips[:num_candidates])
    return [
        Question(3, "eg2ex", clips[-1], video),
        Question(4, "t2v", texts[0], video[::-1]),
        Question(7, "v2t", clips[-1], tuple(texts[:num_candidates])),
        Question(9, "ex2eg", clips[-2], video[:2]),
    ]


def _make_clip(clip_format: ClipFormat, rng: np.random.Generator) -> QuestionItem:
    frames, audio = None, None
    if clip_format.num_frames:
        side = min(clip_format.side, 32)
        shape = clip_format.num_frames, side, max(1, side // 2), 3
        times = np.arange(clip_format.num_frames, dtype=np.float64)
        frames = Frames(rng.integers(0, 256, shape, dtype=np.uint8), times)
    if clip_format.sample_rate:
        waveform = rng.uniform(-0.5, 0.5, clip_format.sample_rate // 10).astype(np.float32)
        audio = Audio(waveform, clip_format.sample_rate)
    return QuestionItem(frames, audio)
