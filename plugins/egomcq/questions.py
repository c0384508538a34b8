"""The questions of the file. An invalid question is reported and skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from egoexobench.toolbox.annotation_tables import (
    AnnotationFile,
    VideoName,
    describe_validation_error,
    find_empty_span,
)
from egoexobench.toolbox.question_entries import read_question_entries
from egoexobench.types import AnnotationIssue, CandidatePolicy

NUM_CHOICES = 5
POLICIES: Mapping[int, CandidatePolicy] = {1: "inter-video", 2: "intra-video"}
"""What the types mean in EgoMCQ (showlab/EgoVLP 928406c); in EgoExoLearn, 1 is an ego query.

The evaluation code of EgoVLP and LaViLa prints the smaller type as Intra-video, that of
EgoInstructor as Inter-video. So the choices decide: `_find_meanings`.
"""
_CONFIG = ConfigDict(frozen=True, extra="ignore")
_Second = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class InvalidQuestionError(ValueError):
    """A question cannot be used; the message says why."""


class ChoiceClip(BaseModel):
    """A clip of a question."""

    model_config = _CONFIG

    video_uid: VideoName
    clip_start: _Second
    clip_end: _Second
    clip_text: str = ""


class _QueryText(BaseModel):
    model_config = _CONFIG

    clip_text: Annotated[str, Field(min_length=1)]


class _QuestionEntry(BaseModel):
    model_config = _CONFIG

    types: int
    answer: int
    query: _QueryText
    choices: dict[str, ChoiceClip]


@dataclass(frozen=True, slots=True)
class ChoiceQuestion:
    """Which of the ``choices`` does the ``text`` describe."""

    key: str
    policy: CandidatePolicy
    text: str
    choices: tuple[ChoiceClip, ...]
    answer: int


def read_questions(
    source: AnnotationFile,
) -> tuple[list[ChoiceQuestion], list[AnnotationIssue]]:
    """Return the valid questions in the order of their keys, and what is wrong with the others.

    Raises:
        DataError: if the file is not a JSON object of questions.
    """
    entries = read_question_entries(source.path, source.data)
    questions: list[ChoiceQuestion] = []
    issues: list[AnnotationIssue] = []
    meanings = _find_meanings(entries)
    if meanings != POLICIES:
        reason = "type 1 asks among clips of one video and type 2 of several; it is read like that"
        issues.append(AnnotationIssue(source.name, "types", reason, dropped=False))
    for key in sorted(entries, key=_order_key):
        try:
            question = _parse_question(key, entries[key], meanings)
        except InvalidQuestionError as error:
            issues.append(AnnotationIssue(source.name, f"question {key}", str(error)))
            continue
        questions.append(question)
        if note := _describe_other_text(question):
            issue = AnnotationIssue(source.name, f"question {key}", note, dropped=False)
            issues.append(issue)
    return questions, issues


def _order_key(key: str) -> tuple[bool, int, str]:
    """Order numbers by their size, without reading them, before other keys."""
    return not key.isdecimal(), len(key), key


def _find_meanings(entries: Mapping[str, Any]) -> Mapping[int, CandidatePolicy]:
    """Return what the types mean: choices of one video are those of intra-video questions."""
    num_questions: Counter[int] = Counter()
    num_single: Counter[int] = Counter()
    for entry in entries.values():
        choices = entry.get("choices") if isinstance(entry, dict) else None
        if not isinstance(choices, dict) or entry.get("types") not in (1, 2):
            continue
        clips = [clip for clip in choices.values() if isinstance(clip, dict)]
        num_questions[entry["types"]] += 1
        num_single[entry["types"]] += len({str(clip.get("video_uid")) for clip in clips}) == 1
    is_swapped = num_single[1] > num_questions[1] / 2 and num_single[2] <= num_questions[2] / 2
    return {1: POLICIES[2], 2: POLICIES[1]} if is_swapped else POLICIES


def _parse_question(
    key: str, entry: Any, meanings: Mapping[int, CandidatePolicy]
) -> ChoiceQuestion:
    choices = entry.get("choices") if isinstance(entry, dict) else None
    if isinstance(choices, dict) and set(choices) != {str(i) for i in range(NUM_CHOICES)}:
        raise InvalidQuestionError(
            f"choices: the keys must be '0' to '{NUM_CHOICES - 1}', each once; they are "
            f"{', '.join(map(repr, sorted(choices)))[:80]}"
        )
    try:
        row = _QuestionEntry.model_validate(entry)
    except ValidationError as error:
        raise InvalidQuestionError(describe_validation_error(error)) from error
    if row.types not in meanings:
        raise InvalidQuestionError(
            f"types: {row.types}; it must be 1 ({meanings[1]}) or 2 ({meanings[2]})"
        )
    if not 0 <= row.answer < NUM_CHOICES:
        raise InvalidQuestionError(
            f"answer {row.answer} is out of range; it must be from 0 to {NUM_CHOICES - 1}"
        )
    question = ChoiceQuestion(
        key=key,
        policy=meanings[row.types],
        text=" ".join(row.query.clip_text.split()),
        choices=tuple(row.choices[str(i)] for i in range(NUM_CHOICES)),
        answer=row.answer,
    )
    _check_choices(question)
    return question


def _check_choices(question: ChoiceQuestion) -> None:
    for number, clip in enumerate(question.choices):
        if reason := find_empty_span(clip.clip_start, clip.clip_end):
            raise InvalidQuestionError(f"choice {number}: {reason}")
    num_videos = len({clip.video_uid for clip in question.choices})
    if question.policy == "intra-video" and num_videos > 1:
        raise InvalidQuestionError(f"types: it is of one video; the choices are of {num_videos}")


def _describe_other_text(question: ChoiceQuestion) -> str:
    text = " ".join(question.choices[question.answer].clip_text.split())
    if text in ("", question.text):
        return ""
    return f"the text of the query, {question.text!r}, is not that of the answer, {text!r}"


def list_choice_clips(questions: Sequence[ChoiceQuestion]) -> dict[str, ChoiceClip]:
    """Return every choice by the name of its span."""
    return {name_clip(clip): clip for question in questions for clip in question.choices}


def name_clip(clip: ChoiceClip) -> str:
    """Return a name of the span of a clip.

    >>> name_clip(ChoiceClip(video_uid="v", clip_start=1, clip_end=2.5))
    'v/1.000-2.500'
    """
    return f"{clip.video_uid}/{clip.clip_start:.3f}-{clip.clip_end:.3f}"
