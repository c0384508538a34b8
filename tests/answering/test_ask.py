"""A session asks what is not stored, checks what comes back and stores it one by one."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from egoexobench.answering.answer_cache import (
    format_answer,
    open_answer_cache,
    parse_stored_answer,
)
from egoexobench.answering.ask import AnswerSession
from egoexobench.answering.items import QuestionSource
from egoexobench.answering.plan import PlannedQuestion
from egoexobench.checksum import append_lines
from egoexobench.data.folder_dataset import FolderDataset
from egoexobench.errors import ClipError, ModelUnavailableError, PartError
from egoexobench.evaluation.answers import Answer
from egoexobench.progress import NullProgress
from egoexobench.types import ClipFormat, Question, QuestionAnswer

FORMAT = ClipFormat(2, 32)


class Recorder:
    """Chooses the last candidate, and stops after some questions."""

    clip_format, max_candidates = FORMAT, 20

    def __init__(self, num_answers: int = 99, **key: object) -> None:
        self.key = {"model": "m"} | key
        self.questions: list[Question] = []
        self.num_answers = num_answers

    def answer(self, questions: Iterable[Question]) -> Iterator[QuestionAnswer]:
        for question in questions:
            if len(self.questions) == self.num_answers:
                raise ModelUnavailableError("the model is gone")
            self.questions.append(question)
            yield self.answer_one(question)

    def answer_one(self, question: Question) -> QuestionAnswer:
        return QuestionAnswer(question.number, choice=len(question.candidates) - 1)


@pytest.fixture
def questions() -> list[PlannedQuestion]:
    ids = ("m/exo", "n/exo", "o/exo")
    return [PlannedQuestion(f"q{name}", "eg2ex", f"{name}/ego", tuple(ids)) for name in "mnop"] + [
        PlannedQuestion("t", "t2v", "m", ids)
    ]


def open_session(
    folder: Path, root: Path, answerer: Recorder, questions: list[PlannedQuestion], **options
) -> AnswerSession:
    clips = {clip.id: clip for clip in FolderDataset(folder).clips("test")}
    source = QuestionSource(
        clips=clips,
        texts={"m": "C cuts"},
        media_hashes={clip.media: Path(clip.media).name for clip in clips.values()},
        clip_format=answerer.clip_format,
    )
    cache = open_answer_cache({"kind": "answerer", "name": "x", "distribution": "d"}, root)
    return AnswerSession(
        answerer,
        "answerer 'x'",
        source=source,
        questions=questions,
        cache=cache,
        **options,
    )


def test_questions_show_small_pictures_that_begin_at_zero(folder, tmp_path, questions) -> None:
    answerer = Recorder()
    result = open_session(folder, tmp_path, answerer, questions).ask(NullProgress())
    assert result.answers == {item.query_id: Answer(choice="o/exo") for item in questions}
    for question in answerer.questions:
        items = [*question.candidates, *([] if question.task == "t2v" else [question.query])]
        for item in items:
            assert item.frames.pixels.dtype == np.uint8
            assert item.frames.pixels.shape[0] == 2
            assert max(item.frames.pixels.shape[1:3]) == 32
            assert item.frames.times[0] == 0
            assert item.audio is None
            assert item.text is None
    assert answerer.questions[-1].query.text == "C cuts"
    assert "m/exo" not in repr(answerer.questions[-1])
    assert str(folder) not in repr(answerer.questions)


def test_a_model_that_goes_away_costs_no_answer_and_no_second_request(
    folder, tmp_path, questions
) -> None:
    first = open_session(folder, tmp_path, Recorder(2), questions).ask(NullProgress())
    assert first.stats.abort_reason == "the model is gone"
    assert (len(first.answers), first.stats.failures) == (2, {"no answer": 3})
    answerer = Recorder()
    session = open_session(folder, tmp_path, answerer, questions)
    assert (session.num_stored, len(session.pending)) == (2, 3)
    assert len(session.ask(NullProgress()).answers) == 5
    assert len(answerer.questions) == 3
    assert not open_session(folder, tmp_path, Recorder(), questions).pending
    assert len(open_session(folder, tmp_path, Recorder(model="n"), questions).pending) == 5


def test_another_order_text_or_file_is_another_question(folder, tmp_path, questions) -> None:
    session = open_session(folder, tmp_path, Recorder(), questions)
    source, (first, *_, text) = session.source, questions
    same = PlannedQuestion("other id", "eg2ex", first.source, first.candidates)
    assert source.hash_content(same) == source.hash_content(first)
    turned = PlannedQuestion("q", "eg2ex", first.source, first.candidates[::-1])
    assert source.hash_content(turned) != source.hash_content(first)
    other = QuestionSource(source.clips, {"m": "C jumps"}, source.media_hashes, FORMAT)
    assert other.hash_content(text) != source.hash_content(text)
    assert other.hash_content(first) == source.hash_content(first)
    hashes = {**source.media_hashes, source.clips["n/exo"].media: "changed"}
    other = QuestionSource(source.clips, source.texts, hashes, FORMAT)
    assert other.hash_content(first) != source.hash_content(first)


def test_questions_of_equal_content_are_asked_once(folder, tmp_path, questions) -> None:
    first = questions[0]
    twice = [first, PlannedQuestion("again", "eg2ex", first.source, first.candidates)]
    answerer = Recorder()
    result = open_session(folder, tmp_path, answerer, twice).ask(NullProgress())
    assert len(answerer.questions) == 1
    assert result.answers.keys() == {"qm", "again"}


def test_a_stored_answer_that_is_none_to_its_question_is_asked_again(
    folder, tmp_path, questions
) -> None:
    open_session(folder, tmp_path, Recorder(1), questions).ask(NullProgress())
    (file,) = tmp_path.glob("*.jsonl")
    session = open_session(folder, tmp_path, Recorder(), questions)
    key = session.source.hash_content(questions[1])
    for text in ('{"choice": 3}', "[1]", "prose", '{"choice": true}', '{"number": 1}'):
        append_lines(file, [json.dumps({"text": key, "answer": text})])
        assert open_session(folder, tmp_path, Recorder(), questions).num_stored == 1


@pytest.mark.parametrize(
    "answer",
    [
        QuestionAnswer(7, choice=2),
        QuestionAnswer(7, order=(2, 0)),
        QuestionAnswer(7, order=()),
        QuestionAnswer(7, scores=(0.5, 1.0, -2.0)),
    ],
)
def test_an_answer_is_read_as_it_was_stored(answer: QuestionAnswer) -> None:
    assert parse_stored_answer(format_answer(answer), 7, 3) == answer


class WrongAnswerer(Recorder):
    def __init__(self, answer) -> None:
        super().__init__()
        self.answer = answer  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda qs: 7, "the result of answer is 7"),
        (lambda qs: ["B" for _ in qs], "answer yields 'B'"),
        (lambda qs: [QuestionAnswer(q.number, choice=3) for q in qs], "an answer names 3"),
        (lambda qs: [QuestionAnswer(q.number) for q in qs], "an answer has 0 of"),
        (lambda qs: [QuestionAnswer(99, choice=0) for _ in qs], "question 99 twice, or w"),
        (lambda qs: [QuestionAnswer(next(qs).number, choice=0)] * 2, "question 0 twice"),
        (lambda qs: [QuestionAnswer(q.number, choice=0) for q in qs][1:], "1 questions got no"),
    ],
)
def test_what_is_no_answer_is_the_fault_of_the_part(
    folder, tmp_path, questions, answer, reason: str
) -> None:
    session = open_session(folder, tmp_path, WrongAnswerer(answer), questions)
    with pytest.raises(PartError, match=f"answerer 'x': .*{reason}"):
        session.ask(NullProgress())


def test_a_clip_that_does_not_decode_stops_or_is_counted(folder, tmp_path, questions) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no film")

    def change_media(session: AnswerSession) -> AnswerSession:
        from dataclasses import replace

        clip = replace(session.source.clips["n/ego"], media=str(bad))
        session.source = QuestionSource(
            {**session.source.clips, "n/ego": clip}, session.source.texts, {}, FORMAT
        )
        return session

    root = tmp_path / "cache"
    with pytest.raises(ClipError, match=r"clip n/ego: .*bad\.mp4"):
        change_media(open_session(folder, root, Recorder(), questions)).ask(NullProgress())
    session = change_media(open_session(folder, root, Recorder(), questions, allow_missing=True))
    assert session.num_stored == 1
    result = session.ask(NullProgress())
    assert len(result.answers) == 4
    assert result.stats.failures == {"clip does not decode": 1}
