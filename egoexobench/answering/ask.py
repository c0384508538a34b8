"""Gets the answer to each question, from the cache or from the answerer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from egoexobench.answering.answer_cache import ANSWERS, format_answer, parse_stored_answer
from egoexobench.answering.items import QuestionSource
from egoexobench.answering.plan import PlannedQuestion
from egoexobench.answering.stats import AnswerStats, count_positions
from egoexobench.errors import ClipError, ModelUnavailableError, PartError
from egoexobench.evaluation.answers import Answer
from egoexobench.part_results import describe_value, find_answer_fault, require_valid
from egoexobench.protocols import Answerer, HasAnswerKey, HasRequestSize, Progress
from egoexobench.response_cache import ResponseCache, ResponseFile
from egoexobench.types import Question, QuestionAnswer, RequestSize

NO_ANSWER = "no answer"
NUM_MEASURED = 3
"""Questions that are measured for the estimate of what will be sent."""


@dataclass(frozen=True, slots=True)
class AnswerSet:
    """Answers by id of their query, and the counts."""

    answers: Mapping[str, Answer]
    stats: AnswerStats


@dataclass(slots=True)
class AnswerSession:
    """An answerer with the questions that it is asked and the answers that are stored.

    Questions of equal content are asked once.
    """

    answerer: Answerer
    label: str
    """Kind, name and distribution of the answerer, for messages."""
    source: QuestionSource
    questions: Sequence[PlannedQuestion]
    cache: ResponseCache | None
    retry_refused: bool = False
    allow_missing: bool = False
    """Leave out questions with a clip that does not decode, and count them."""
    pending: list[PlannedQuestion] = field(init=False)
    """One question of each content that has no stored answer."""
    num_stored: int = field(init=False)
    _keys: dict[str, str] = field(init=False)
    _file: ResponseFile = field(init=False)

    def __post_init__(self) -> None:
        self._keys = {item.query_id: self.source.hash_content(item) for item in self.questions}
        key = dict(self.answerer.key) if isinstance(self.answerer, HasAnswerKey) else None
        if self.cache is None or key is None:
            self._file = ResponseFile(None, {}, ANSWERS)
        else:
            self._file = self.cache.open(key)
        first = {self._keys[item.query_id]: item for item in reversed(self.questions)}
        self.pending = [
            item
            for item in self.questions
            if first[self._keys[item.query_id]] is item and not self._has_stored(item)
        ]
        self.num_stored = sum(map(self._has_stored, self.questions))
        if self.pending:
            self._file.explain_damage()
            if self.cache is not None and key is not None:
                self.cache.explain_requests(key, [self._keys[i.query_id] for i in self.pending])

    def estimate_size(self) -> RequestSize | None:
        """Return what all first requests send, from a sample; None if nobody can say."""
        sizes = []
        if isinstance(self.answerer, HasRequestSize):
            for number, item in enumerate(self.pending[:NUM_MEASURED]):
                with suppress(ClipError):  # asking it says so
                    question = self.source.load_question(number, item)
                    sizes.append(self.answerer.measure_request(question))
        if not sizes:
            return None
        share = len(self.pending) / len(sizes)
        return RequestSize(
            round(share * sum(size.num_images for size in sizes)),
            round(share * sum(size.num_bytes for size in sizes)),
        )

    def ask(self, progress: Progress) -> AnswerSet:
        """Ask what is not stored; an answer is stored when it arrives.

        Raises:
            ClipError: if a clip does not decode, unless ``allow_missing`` is set; answers to the
                questions before are stored.
            PartError: if the answerer yields anything but one valid answer to each question.
        """
        failures: dict[str, str] = {}
        abort_reason = None
        if self.pending:
            with progress.stage("answer", len(self.pending)) as advance:
                try:
                    for item, answer in self._iter_answers(failures):
                        self._store(item, answer, failures)
                        advance(1)
                except ModelUnavailableError as error:
                    abort_reason = str(error)
        return self._collect(failures, abort_reason)

    def _iter_answers(
        self, failures: dict[str, str]
    ) -> Iterator[tuple[PlannedQuestion, QuestionAnswer]]:
        remaining: dict[int, PlannedQuestion] = {}
        clip_errors: list[ClipError] = []
        questions = self._load_questions(remaining, clip_errors, failures)
        answers = self.answerer.answer(questions)
        kind_fault = f"the result of answer is {describe_value(answers)}; it must be an iterator"
        require_valid(None if isinstance(answers, Iterable) else kind_fault, self.label)
        for answer in answers:
            item = remaining.pop(getattr(answer, "number", -1), None)
            if item is None and isinstance(answer, QuestionAnswer):
                raise PartError(
                    f"{self.label}: it answered question {answer.number} twice, or without a "
                    "question"
                )
            fault = find_answer_fault(answer, len(item.candidates) if item else 0)
            require_valid(fault, self.label)
            if item is not None:
                yield item, answer
        if clip_errors:
            raise clip_errors[0]
        if remaining:
            raise PartError(f"{self.label}: {len(remaining)} questions got no answer")

    def _load_questions(
        self,
        remaining: dict[int, PlannedQuestion],
        clip_errors: list[ClipError],
        failures: dict[str, str],
    ) -> Iterator[Question]:
        """Yield decoded questions; the first clip that cannot be used ends them."""
        for number, item in enumerate(self.pending):
            try:
                question = self.source.load_question(number, item)
            except ClipError as error:
                if not self.allow_missing:
                    clip_errors.append(error)
                    return
                failures[self._keys[item.query_id]] = f"clip {error.category}"
                continue
            remaining[number] = item
            yield question

    def _store(
        self, item: PlannedQuestion, answer: QuestionAnswer, failures: dict[str, str]
    ) -> None:
        key = self._keys[item.query_id]
        if answer.failure is not None:
            failures[key] = answer.failure
        elif answer.refusal is not None:
            self._file.refuse(key, answer.refusal)
        else:
            self._file.put(key, format_answer(answer))

    def _collect(self, failures: Mapping[str, str], abort_reason: str | None) -> AnswerSet:
        answers: dict[str, Answer] = {}
        refusals, missing = Counter[str](), Counter[str]()
        valid: list[tuple[QuestionAnswer, int]] = []
        for item in self.questions:
            key = self._keys[item.query_id]
            if answer := self._find_stored(item):
                valid.append((answer, len(item.candidates)))
                answers[item.query_id] = _to_answer(answer, item.candidates)
            elif key in self._file.refused:
                refusals[self._file.refused[key]] += 1
                answers[item.query_id] = Answer(order=())
            else:
                missing[failures.get(key, NO_ANSWER)] += 1
        stats = AnswerStats(
            num_questions=len(self.questions),
            num_stored=self.num_stored,
            refusals=dict(sorted(refusals.items())),
            failures=dict(sorted(missing.items())),
            positions=count_positions(valid),
            abort_reason=abort_reason,
        )
        return AnswerSet(answers, stats)

    def _find_stored(self, item: PlannedQuestion) -> QuestionAnswer | None:
        text = self._file.responses.get(self._keys[item.query_id])
        return None if text is None else parse_stored_answer(text, 0, len(item.candidates))

    def _has_stored(self, item: PlannedQuestion) -> bool:
        is_refused = self._keys[item.query_id] in self._file.refused and not self.retry_refused
        return is_refused or self._find_stored(item) is not None


def _to_answer(answer: QuestionAnswer, candidates: Sequence[str]) -> Answer:
    """Return an answer by the ids of the candidates instead of by position."""
    if answer.choice is not None:
        return Answer(choice=candidates[answer.choice])
    if answer.order is not None:
        return Answer(order=tuple(candidates[position] for position in answer.order))
    return Answer(scores=dict(zip(candidates, answer.scores or (), strict=True)))
