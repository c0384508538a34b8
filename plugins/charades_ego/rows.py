"""Rows of the tables, checked one by one, and the actions in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from egoexobench.types import AnnotationIssue, Split, View
from egoexobench_plugins.charades_ego.files import COLUMNS, Table

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


@dataclass(frozen=True, slots=True)
class Action:
    """An action of a video: its class, start and end, s."""

    name: str
    start: float
    end: float


def _video(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Z]+", text):
        raise ValueError(
            f"{text[:60]!r} is no file in the folder of the videos; "
            "a video is named by capitals and digits"
        )
    return text


def _actions(text: str) -> tuple[Action, ...]:
    return tuple(_action(one.strip()) for one in text.split(";") if one.strip())


def _action(text: str) -> Action:
    found = _ACTION.fullmatch(text)
    if found is None or found[1] not in ACTIONS:
        raise ValueError(f"{text[:60]!r} is no action such as 'c077 12.10 18.00', c000 to c156")
    return Action(found[1], float(found[2]), float(found[3]))


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, AfterValidator(_video)]
    scene: str
    script: str
    actions: Annotated[tuple[Action, ...], BeforeValidator(_actions)]
    length: float = Field(gt=0, allow_inf_nan=False)
    egocentric: Annotated[str, Field(pattern="^(Yes|No)$")]
    charades_video: str


@dataclass(frozen=True, slots=True)
class Video:
    """A video of one view; the two of a pair have the same ``stem``.

    ``labels`` are the classes of all actions that the row lists, whenever they are, as the
    official evaluation has it; ``actions`` lie within the video.
    """

    id: str
    stem: str
    view: View
    split: Split
    scene: str
    script: str
    labels: tuple[str, ...]
    actions: tuple[Action, ...]
    seconds: float
    file: str
    row: str


def read(tables: Sequence[Table], findings: list[AnnotationIssue]) -> list[Video]:
    """Return the video of each row that fits, each once, in the order of the tables."""
    first: dict[str, str] = {}
    videos = []
    for table in tables:
        for number, cells in enumerate(table.rows, 2):
            found = _read(table, number, cells, findings)
            if isinstance(found, Video):
                place = f"{found.file}, {found.row}"
                if found.id in first:
                    found = f"video {found.id!r} stands in {first[found.id]} already"
                else:
                    first[found.id] = place
                    videos.append(found)
            if isinstance(found, str):
                findings.append(AnnotationIssue(table.name, f"row {number}", found))
    return videos


def _read(
    table: Table, number: int, cells: Sequence[str], findings: list[AnnotationIssue]
) -> Video | str:
    if len(cells) != len(COLUMNS):
        return f"it has {len(cells)} cells; the header has {len(COLUMNS)}"
    try:
        row = _Row.model_validate(dict(zip(COLUMNS, cells, strict=True)))
    except ValidationError as error:
        return _reason(error)
    if reason := _mismatch(row):
        return reason
    place = f"row {number}"
    findings += [AnnotationIssue(table.name, place, one, dropped=False) for one in _oddities(row)]
    spans = [
        Action(one.name, one.start, min(one.end, row.length))
        for one in row.actions
        if one.start < min(one.end, row.length)
    ]
    return Video(
        id=row.id,
        stem=row.id.removesuffix(_SUFFIX),
        view="ego" if row.egocentric == "Yes" else "exo",
        split=table.split,
        scene=row.scene if row.scene in SCENES else "",
        script=" ".join(row.script.split()),
        labels=tuple(sorted({one.name for one in row.actions})),
        actions=tuple(spans),
        seconds=row.length,
        file=table.name,
        row=place,
    )


def _mismatch(row: _Row) -> str | None:
    """Return what speaks against the view, or the partner, that a row says it has."""
    ego = row.egocentric == "Yes"
    if ego != row.id.endswith(_SUFFIX):
        return (
            f"video {row.id!r} has egocentric {row.egocentric!r}; the name of an ego video, and "
            f"of no other, ends in {_SUFFIX}"
        )
    partner = row.charades_video.strip()
    # only an ego row names a partner; other cells of the column say yes, no or nothing
    if ego and partner.lower() not in ("", "yes", "no") and partner != row.id.removesuffix(_SUFFIX):
        return (
            f"video {row.id!r} names {partner[:60]!r} as its exo video; by its own name that is "
            f"{row.id.removesuffix(_SUFFIX)!r}"
        )
    return None


def _oddities(row: _Row) -> list[str]:
    """Return what is odd about a row that can be used all the same."""
    odd = []
    late = [one for one in row.actions if one.end > row.length]
    if late:
        first = late[0]
        odd.append(
            f"{len(late)} of {len(row.actions)} actions end after the video, which is "
            f"{row.length:g} s long, the first is {first.name} {first.start:g}-{first.end:g} s; "
            "they are cut there and their classes kept"
        )
    empty = [one for one in row.actions if one.end <= one.start]
    if empty:
        odd.append(f"action {empty[0].name} at {empty[0].start:g} s is empty; its class is kept")
    if row.scene and row.scene not in SCENES:
        odd.append(f"scene {row.scene[:60]!r} is none of the {len(SCENES)}; it is left out")
    return odd


def _reason(error: ValidationError) -> str:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "value_error":
        return f"{field}: {str(first['msg']).removeprefix('Value error, ')}"
    return f"{field}: {first['msg']} (found {str(first['input'])[:60]!r})"
