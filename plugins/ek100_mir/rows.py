"""Rows of the tables. An invalid row is reported and skipped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from egoexobench.errors import DataError
from egoexobench.toolbox.annotation_tables import (
    AnnotationFile,
    find_annotation_file,
    find_empty_span,
    read_annotation_table,
)
from egoexobench.toolbox.list_literals import parse_numbers, parse_words
from egoexobench.types import AnnotationIssue

FOLDER = "retrieval_annotations"
CLIPS_FILE, TEXTS_FILE = "EPIC_100_retrieval_test.csv", "EPIC_100_retrieval_test_sentence.csv"
_TIME = re.compile(r"(\d+):([0-5]?\d):([0-5]?\d(?:\.\d+)?)")
_CONFIG = ConfigDict(frozen=True, extra="ignore")


def parse_time(text: str) -> float:
    """Return the seconds of a time such as ``00:01:02.50``.

    Raises:
        ValueError: if it is no such time.

    >>> parse_time("01:00:02.50")
    3602.5
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:60]!r} is no time such as 00:01:02.50")
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])


Time = Annotated[float, BeforeValidator(parse_time)]
Identifier = Annotated[str, Field(pattern=r"^P\d{2,3}_\d{1,4}_\d{1,6}$")]


class ClipRow(BaseModel):
    """A row of the table of clips."""

    model_config = _CONFIG

    narration_id: Identifier
    participant_id: Annotated[str, Field(pattern=r"^P\d{2,3}$")]
    video_id: Annotated[str, Field(pattern=r"^P\d{2,3}_\d{1,4}$")]
    start_timestamp: Time
    stop_timestamp: Time
    narration: Annotated[str, Field(min_length=1)]
    verb: str
    verb_class: Annotated[int, Field(ge=0)]
    all_nouns: Annotated[tuple[str, ...], BeforeValidator(parse_words)]
    all_noun_classes: Annotated[
        tuple[int, ...], BeforeValidator(parse_numbers), Field(min_length=1)
    ]


class TextRow(BaseModel):
    """A row of the table of texts: the narration of one of the clips that have it."""

    model_config = _CONFIG

    narration_id: Identifier
    narration: Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class RetrievalTables:
    """The valid rows with their numbers, the hash of each file, and the issues of other rows."""

    clips: Sequence[tuple[int, ClipRow]]
    texts: Sequence[tuple[int, TextRow]]
    names: tuple[str, str]
    hashes: Mapping[str, str]
    issues: Sequence[AnnotationIssue]


def read_tables(root: Path) -> RetrievalTables:
    """Return the tables of the test split.

    Raises:
        DataError: if one is missing, cannot be read or lacks a column.
    """
    clips_source, texts_source = (_require_file(root, name) for name in (CLIPS_FILE, TEXTS_FILE))
    clip_table = read_annotation_table(clips_source, ClipRow)
    text_table = read_annotation_table(texts_source, TextRow)
    issues = [*clip_table.issues, *text_table.issues]
    clips: dict[str, tuple[int, ClipRow]] = {}
    for number, row in clip_table.rows:
        if reason := _find_clip_fault(row, clips, clips_source.name):
            issues.append(AnnotationIssue(clips_source.name, f"row {number}", reason))
        else:
            clips[row.narration_id] = number, row
    texts: dict[str, tuple[int, TextRow]] = {}
    narrations: dict[str, int] = {}
    for number, text in text_table.rows:
        if reason := _find_text_fault(text, clips, narrations):
            issues.append(AnnotationIssue(texts_source.name, f"row {number}", reason))
        else:
            texts[text.narration_id] = number, text
            narrations[text.narration] = number
    return RetrievalTables(
        clips=list(clips.values()),
        texts=list(texts.values()),
        names=(clips_source.name, texts_source.name),
        hashes={Path(item.name).name: item.sha256 for item in (clips_source, texts_source)},
        issues=issues,
    )


def _require_file(root: Path, name: str) -> AnnotationFile:
    source = find_annotation_file(root, name, f"{FOLDER}/{name}")
    if source is None:
        raise DataError(
            f"{root} has no {name}, in it or in {FOLDER}; it comes with the annotations of "
            "EPIC-KITCHENS-100"
        )
    return source


def _find_clip_fault(row: ClipRow, clips: Mapping[str, tuple[int, ClipRow]], file: str) -> str:
    if first := clips.get(row.narration_id):
        return f"narration {row.narration_id!r} is already in {file}, row {first[0]}"
    if not row.narration_id.startswith(f"{row.video_id}_"):
        return f"narration {row.narration_id!r} is not of video {row.video_id!r}"
    if not row.video_id.startswith(f"{row.participant_id}_"):
        return f"video {row.video_id!r} is not of participant {row.participant_id!r}"
    return find_empty_span(row.start_timestamp, row.stop_timestamp) or ""


def _find_text_fault(
    row: TextRow, clips: Mapping[str, tuple[int, ClipRow]], narrations: Mapping[str, int]
) -> str:
    if row.narration_id not in clips:
        return f"narration {row.narration_id!r} is no valid row of {CLIPS_FILE}"
    number, clip = clips[row.narration_id]
    if clip.narration != row.narration:
        return (
            f"narration {row.narration_id!r} is {row.narration!r}, in {CLIPS_FILE}, row {number}, "
            f"{clip.narration!r}"
        )
    if row.narration in narrations:
        return f"the text {row.narration!r} is already in row {narrations[row.narration]}"
    return ""
