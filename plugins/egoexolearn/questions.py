"""The association lists: 20-way questions in any of three published dialects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from egoexobench.errors import DataError
from egoexobench.types import AnnotationIssue, View
from egoexobench_plugins.egoexolearn.files import Source
from egoexobench_plugins.egoexolearn.tables import Name, Second, empty, reason_of
from egoexobench_plugins.egoexolearn.tables import Video as VideoName
from egoexobench_plugins.egoexolearn.videos import Video, wrong_view

CHOICES = 20
"""Candidates of a question, as SoundBridge's evaluation has it in its code."""
Dialect = Literal["official", "egoinstructor", "soundbridge"]
_CONFIG = ConfigDict(frozen=True, extra="ignore")
_TWICE = "\0twice"


class Choice(BaseModel):
    """A clip of a question; EgoInstructor's names and SoundBridge's extra fields are known."""

    model_config = _CONFIG

    video: VideoName = Field(validation_alias=AliasChoices("video_uid", "video_id"))
    start: Second = Field(validation_alias=AliasChoices("start_sec", "start_second"))
    end: Second = Field(validation_alias=AliasChoices("end_sec", "end_second"))
    text: Name = Field(validation_alias=AliasChoices("narration_en", "text"))
    sound: str | None = Field(None, validation_alias="narration_en_audio")
    scene: str | None = None


class _Entry(BaseModel):
    model_config = _CONFIG

    types: int
    query: Choice
    choices: dict[str, Choice]
    answer: int


@dataclass(frozen=True, slots=True)
class Question:
    """One question: which of the ``choices`` shows what the ``query`` of the other view shows."""

    key: str
    view: View
    query: Choice
    choices: tuple[Choice, ...]
    answer: int


@dataclass(frozen=True, slots=True)
class Lists:
    """The questions of a file, in the order of their keys, and the dialect that it is in."""

    file: str
    questions: tuple[Question, ...]
    dialect: Dialect


def read(source: Source, videos: Mapping[str, Video], findings: list[AnnotationIssue]) -> Lists:
    """Return the questions that hold; what is wrong with the others goes into ``findings``.

    Raises:
        DataError: the file is no JSON object of questions.
    """
    entries = _entries(source)
    spoken: Dialect = "official"
    questions = []
    for place, key in enumerate(sorted(entries, key=_order)):
        dialect = _dialect(entries[key])
        spoken = spoken if place else dialect
        found = (
            f"it is in the dialect {dialect}; the first question is in {spoken}"
            if dialect != spoken
            else _question(key, entries[key], videos)
        )
        if isinstance(found, Question):
            questions.append(found)
        else:
            findings.append(AnnotationIssue(source.name, f"question {key}", found))
    return Lists(source.name, tuple(questions), spoken)


def _entries(source: Source) -> dict[str, Any]:
    try:
        entries = json.loads(source.data, object_pairs_hook=_unique)
    except ValueError as error:
        raise DataError(f"{source.path} is no JSON: {error}") from error
    if not isinstance(entries, dict) or not entries:
        raise DataError(f"{source.path} is no JSON object of questions keyed '0', '1', ...")
    if _TWICE in entries:
        raise DataError(f"{source.path}: question {entries[_TWICE]!r} stands there twice")
    return entries


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        found[_TWICE] = next(key for key in keys if keys.count(key) > 1)
    return found


def _order(key: str) -> tuple[int, str]:
    return (int(key) if key.isdecimal() else 10**9, key)


def _dialect(entry: Any) -> Dialect:
    query = entry.get("query") if isinstance(entry, dict) else None
    fields = set(query) if isinstance(query, dict) else set[str]()
    if "video_id" in fields:
        return "egoinstructor"
    return "soundbridge" if "narration_en_audio" in fields else "official"


def _question(key: str, entry: Any, videos: Mapping[str, Video]) -> Question | str:
    if isinstance(entry, dict) and isinstance(entry.get("choices"), dict):
        names = entry["choices"]
        if _TWICE in names:
            return f"choice {names[_TWICE]!r} stands there twice"
        if set(names) != {str(i) for i in range(CHOICES)}:
            return f"it has {len(names)} choices; it must have {CHOICES}, keyed '0' to '19'"
    try:
        row = _Entry.model_validate(entry)
    except ValidationError as error:
        return reason_of(error)
    if not 0 <= row.answer < CHOICES:
        return f"answer {row.answer} is out of range; it must be 0 to {CHOICES - 1}"
    # the official code takes any type but 1 for an exo query
    view: View = "ego" if row.types == 1 else "exo"
    choices = tuple(row.choices[str(i)] for i in range(CHOICES))
    question = Question(key, view, row.query, choices, row.answer)
    return _wrong(question, videos) or question


def _wrong(question: Question, videos: Mapping[str, Video]) -> str | None:
    other: View = "exo" if question.view == "ego" else "ego"
    named = [("query", question.view, question.query)]
    named += [(f"choice {i}", other, choice) for i, choice in enumerate(question.choices)]
    for name, view, clip in named:
        reason = wrong_view(videos, clip.video, view) or empty(clip.start, clip.end)
        if reason:
            return f"{name}: {reason}"
    seen: dict[tuple[object, ...], str] = {}
    for name, _, clip in named:
        first = seen.setdefault((clip.video, clip.start, clip.end, clip.text), name)
        if first != name:
            return f"{first} and {name} are the same clip"
    return None
