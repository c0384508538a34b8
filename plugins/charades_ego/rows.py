"""Rows of the tables and their actions. An invalid row is reported and skipped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from egoexobench.errors import format_validation_reason
from egoexobench.types import AnnotationIssue, Split, View
from egoexobench_plugins.charades_ego.files import COLUMNS, AnnotationTable

ACTIONS = tuple(f"c{i:03}" for i in range(157))
SCENES = (
    "Basement (A room below the ground floor)",
    "Bathroom",
    "Bedroom",
    "Closet / Walk-in closet / Spear closet",
    "Dining room",
    "Entryway (A hall that is generally located at the entrance of a house)",
    "Garage",
    "Hallway",
    "Home Office / Study (A room in a house used for work)",
    "Kitchen",
    "Laundry room",
    "Living room",
    "Other",
    "Pantry",
    "Recreation room / Man cave",
    "Stairs",
)
_ACTION = re.compile(r"(c\d{3}) (\d+(?:\.\d+)?) (\d+(?:\.\d+)?)")
_SUFFIX = "EGO"


class InvalidRowError(ValueError):
    """A row cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class ActionSpan:
    """An action of a video: its class, start and end, s."""

    name: str
    start: float
    end: float


def _validate_video_id(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Z]+", text):
        raise ValueError(
            f"{text[:60]!r} is not a valid video name; a name has only capital letters and digits"
        )
    return text


def _parse_actions(text: str) -> tuple[ActionSpan, ...]:
    return tuple(_parse_action(part.strip()) for part in text.split(";") if part.strip())


def _parse_action(text: str) -> ActionSpan:
    match = _ACTION.fullmatch(text)
    if match is None or match[1] not in ACTIONS:
        raise ValueError(f"{text[:60]!r} is not an action such as 'c077 12.10 18.00', c000 to c156")
    return ActionSpan(match[1], float(match[2]), float(match[3]))


class _VideoCells(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, AfterValidator(_validate_video_id)]
    scene: str
    script: str
    actions: Annotated[tuple[ActionSpan, ...], BeforeValidator(_parse_actions)]
    length: float = Field(gt=0, allow_inf_nan=False)
    egocentric: Annotated[str, Field(pattern="^(Yes|No)$")]
    charades_video: str


@dataclass(frozen=True, slots=True)
class VideoRow:
    """A video of one view; the two videos of a pair have the same ``stem``.

    ``labels`` are the classes of all actions of the row, at any time, as in the official
    evaluation; ``actions`` are cut at the end of the video.
    """

    id: str
    stem: str
    view: View
    split: Split
    scene: str
    script: str
    labels: tuple[str, ...]
    actions: tuple[ActionSpan, ...]
    seconds: float
    file: str
    row: str


def read_videos(
    tables: Sequence[AnnotationTable],
) -> tuple[list[VideoRow], list[AnnotationIssue]]:
    """Return the video of each valid row, each once, in the order of the tables; and the issues."""
    videos: dict[str, VideoRow] = {}
    issues: list[AnnotationIssue] = []
    for table in tables:
        for number, cells in enumerate(table.rows, 2):
            location = f"row {number}"
            try:
                row = _parse_cells(cells)
            except InvalidRowError as error:
                issues.append(AnnotationIssue(table.name, location, str(error)))
                continue
            issues += [
                AnnotationIssue(table.name, location, note, dropped=False)
                for note in _list_notes(row)
            ]
            if row.id in videos:
                first = videos[row.id]
                reason = f"video {row.id!r} is already in {first.file}, {first.row}"
                issues.append(AnnotationIssue(table.name, location, reason))
            else:
                videos[row.id] = _build_video(row, table, location)
    return list(videos.values()), issues


def _parse_cells(cells: Sequence[str]) -> _VideoCells:
    if len(cells) != len(COLUMNS):
        raise InvalidRowError(f"the row has {len(cells)} cells; the header has {len(COLUMNS)}")
    try:
        row = _VideoCells.model_validate(dict(zip(COLUMNS, cells, strict=True)))
    except ValidationError as error:
        raise InvalidRowError(_describe_validation_error(error)) from error
    _check_names(row)
    return row


def _build_video(row: _VideoCells, table: AnnotationTable, location: str) -> VideoRow:
    spans = [
        ActionSpan(action.name, action.start, min(action.end, row.length))
        for action in row.actions
        if action.start < min(action.end, row.length)
    ]
    return VideoRow(
        id=row.id,
        stem=row.id.removesuffix(_SUFFIX),
        view="ego" if row.egocentric == "Yes" else "exo",
        split=table.split,
        scene=row.scene if row.scene in SCENES else "",
        script=" ".join(row.script.split()),
        labels=tuple(sorted({action.name for action in row.actions})),
        actions=tuple(spans),
        seconds=row.length,
        file=table.name,
        row=location,
    )


def _check_names(row: _VideoCells) -> None:
    """Check that the name of a video agrees with its view and with its partner."""
    is_ego = row.egocentric == "Yes"
    if is_ego != row.id.endswith(_SUFFIX):
        raise InvalidRowError(
            f"video {row.id!r} has egocentric {row.egocentric!r}; the name of an ego video must "
            f"end in {_SUFFIX}, that of an exo video must not"
        )
    partner, expected = row.charades_video.strip(), row.id.removesuffix(_SUFFIX)
    # only an ego row names a partner; other cells of the column are yes, no or empty
    if is_ego and partner.lower() not in ("", "yes", "no") and partner != expected:
        raise InvalidRowError(
            f"video {row.id!r} has the exo video {partner[:60]!r}; by its own name it must be "
            f"{expected!r}"
        )


def _list_notes(row: _VideoCells) -> list[str]:
    """Return what is wrong with a row that can be used."""
    notes = []
    late = [action for action in row.actions if action.end > row.length]
    if late:
        first = late[0]
        notes.append(
            f"{len(late)} of {len(row.actions)} actions end after the video, which is "
            f"{row.length:g} s long, the first is {first.name} {first.start:g}-{first.end:g} s; "
            "they are cut at the end of the video, and their classes are used"
        )
    empty = [action for action in row.actions if action.end <= action.start]
    if empty:
        name, start = empty[0].name, empty[0].start
        notes.append(f"action {name} at {start:g} s is empty; its class is used")
    if row.scene and row.scene not in SCENES:
        scene = row.scene[:60]
        notes.append(f"scene {scene!r} is not one of the {len(SCENES)} scenes; it is ignored")
    return notes


def _describe_validation_error(error: ValidationError) -> str:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "value_error":
        return f"{field}: {format_validation_reason(first)}"
    return f"{field}: {format_validation_reason(first)} (the value is {str(first['input'])[:60]!r})"
