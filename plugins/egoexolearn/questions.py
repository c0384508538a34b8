"""The association lists: questions with 20 choices, in one of three published dialects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from egoexobench.toolbox.annotation_tables import (
    VideoName,
    describe_validation_error,
    find_empty_span,
)
from egoexobench.toolbox.question_entries import DUPLICATE_KEY, read_question_entries
from egoexobench.types import AnnotationIssue, View
from egoexobench_plugins.egoexolearn.files import SourceFile
from egoexobench_plugins.egoexolearn.tables import Name, Second
from egoexobench_plugins.egoexolearn.videos import VideoInfo, find_unknown_video

NUM_CHOICES = 20
"""Choices of a question, as in the evaluation code of SoundBridge."""
Dialect = Literal["official", "egoinstructor", "soundbridge"]
_CONFIG = ConfigDict(frozen=True, extra="ignore")
"""Key under which a parsed object has the first of its keys that appears twice."""


class InvalidQuestionError(ValueError):
    """A question cannot be used; the message says why."""


class QuestionClip(BaseModel):
    """A clip of a question, with the field names of any dialect."""

    model_config = _CONFIG

    video: VideoName = Field(validation_alias=AliasChoices("video_uid", "video_id"))
    start: Second = Field(validation_alias=AliasChoices("start_sec", "start_second"))
    end: Second = Field(validation_alias=AliasChoices("end_sec", "end_second"))
    text: Name = Field(validation_alias=AliasChoices("narration_en", "text"))
    sound: str | None = Field(None, validation_alias="narration_en_audio")
    scene: str | None = None


class _QuestionEntry(BaseModel):
    model_config = _CONFIG

    types: int
    query: QuestionClip
    choices: dict[str, QuestionClip]
    answer: int


@dataclass(frozen=True, slots=True)
class AssociationQuestion:
    """Which of the ``choices`` shows what the ``query``, a clip of the other view, shows."""

    key: str
    view: View
    query: QuestionClip
    choices: tuple[QuestionClip, ...]
    answer: int


@dataclass(frozen=True, slots=True)
class QuestionFile:
    """The questions of a file in the order of their keys, its dialect, and its issues."""

    name: str
    questions: tuple[AssociationQuestion, ...]
    dialect: Dialect
    issues: Sequence[AnnotationIssue]


def read_questions(source: SourceFile, videos: Mapping[str, VideoInfo]) -> QuestionFile:
    """Return the valid questions of a file, and an issue for each of the others.

    Raises:
        DataError: the file is not a JSON object of questions.
    """
    entries = read_question_entries(source.path, source.data)
    keys = sorted(entries, key=_order_key)
    file_dialect = _detect_dialect(entries[keys[0]])
    questions: list[AssociationQuestion] = []
    issues: list[AnnotationIssue] = []
    for key in keys:
        try:
            _check_dialect(entries[key], file_dialect)
            question = _parse_question(key, entries[key])
            _check_clips(question, videos)
        except InvalidQuestionError as error:
            issues.append(AnnotationIssue(source.name, f"question {key}", str(error)))
        else:
            questions.append(question)
    return QuestionFile(source.name, tuple(questions), file_dialect, issues)


def _order_key(key: str) -> tuple[int, str]:
    return (int(key) if key.isdecimal() else 10**9, key)


def _detect_dialect(entry: Any) -> Dialect:
    query = entry.get("query") if isinstance(entry, dict) else None
    fields = set(query) if isinstance(query, dict) else set[str]()
    if "video_id" in fields:
        return "egoinstructor"
    return "soundbridge" if "narration_en_audio" in fields else "official"


def _check_dialect(entry: Any, expected: Dialect) -> None:
    dialect = _detect_dialect(entry)
    if dialect != expected:
        raise InvalidQuestionError(
            f"the question has the dialect {dialect}; the first question has {expected}"
        )


def _parse_question(key: str, entry: Any) -> AssociationQuestion:
    if isinstance(entry, dict) and isinstance(entry.get("choices"), dict):
        names = entry["choices"]
        if DUPLICATE_KEY in names:
            raise InvalidQuestionError(f"choice {names[DUPLICATE_KEY]!r} appears twice")
        if set(names) != {str(i) for i in range(NUM_CHOICES)}:
            raise InvalidQuestionError(
                f"the question has {len(names)} choices; it must have {NUM_CHOICES}, with the keys "
                f"'0' to '{NUM_CHOICES - 1}'"
            )
    try:
        row = _QuestionEntry.model_validate(entry)
    except ValidationError as error:
        raise InvalidQuestionError(describe_validation_error(error)) from error
    if not 0 <= row.answer < NUM_CHOICES:
        raise InvalidQuestionError(
            f"answer {row.answer} is out of range; it must be from 0 to {NUM_CHOICES - 1}"
        )
    return AssociationQuestion(
        key=key,
        # the official code treats every type except 1 as an exo query
        view="ego" if row.types == 1 else "exo",
        query=row.query,
        choices=tuple(row.choices[str(i)] for i in range(NUM_CHOICES)),
        answer=row.answer,
    )


def _check_clips(question: AssociationQuestion, videos: Mapping[str, VideoInfo]) -> None:
    """Raise for a clip that does not exist; the harness finds questions that are not fair."""
    clips = [("query", question.query)]
    clips += [(f"choice {i}", choice) for i, choice in enumerate(question.choices)]
    for role, clip in clips:
        reason = find_unknown_video(videos, clip.video) or find_empty_span(clip.start, clip.end)
        if reason:
            raise InvalidQuestionError(f"{role}: {reason}")
