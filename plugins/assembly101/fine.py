"""Fine segments: a row for each camera, so that the rows of one segment are joined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from egoexobench.errors import DataError
from egoexobench.toolbox.annotation_tables import (
    AnnotationFile,
    find_annotation_file,
    read_annotation_table,
)
from egoexobench.types import AnnotationIssue, Split
from egoexobench_plugins.assembly101.segments import (
    FRAME_RATE,
    ActionSegment,
    SegmentTables,
    find_view,
    split_video_name,
)

FOLDER = "fine-grained-annotations"
FILES: Mapping[Split, str] = {"train": "train.csv", "test": "validation.csv"}
"""By our split: the official test has no labels."""
MAX_FRAME = 10**9
"""A year of frames; a larger number is no frame."""


class FineRow(BaseModel):
    """A row: one segment, seen by one camera."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    video: Annotated[tuple[str, str], BeforeValidator(split_video_name)]
    start_frame: Annotated[int, Field(ge=0, lt=MAX_FRAME)]
    end_frame: Annotated[int, Field(ge=0, lt=MAX_FRAME)]
    action_id: Annotated[int, Field(ge=0)]
    action: Annotated[str, Field(min_length=1)] = Field(
        validation_alias=AliasChoices("action_cls", "action_name", "action")
    )
    verb: str = Field(validation_alias=AliasChoices("verb_cls", "verb_name", "verb"))
    noun: str = Field(validation_alias=AliasChoices("noun_cls", "noun_name", "noun"))
    is_rgb: int = Field(ge=0, le=1, validation_alias=AliasChoices("is_RGB", "is_rgb"))


class _SegmentKey(NamedTuple):
    sequence: str
    start_frame: int
    end_frame: int
    action_id: int


def read_fine_segments(root: Path) -> SegmentTables:
    """Return the segments of the official train and validation.

    Raises:
        DataError: if both tables are missing, or one lacks a column.
    """
    result = SegmentTables([], [], [])
    for split, name in FILES.items():
        source = find_annotation_file(root, f"{FOLDER}/{name}", name)
        if source is not None:
            result.sources.append(source)
            _add_table(result, source, split)
    if not result.sources:
        raise DataError(
            f"{root} has no fine annotations of Assembly101: {' and '.join(FILES.values())} in it "
            f"or in {FOLDER}"
        )
    return result


def _add_table(result: SegmentTables, source: AnnotationFile, split: Split) -> None:
    table = read_annotation_table(source, FineRow)
    result.issues.extend(table.issues)
    groups: dict[_SegmentKey, list[tuple[int, FineRow]]] = {}
    for number, row in table.rows:
        if reason := _find_fault(row):
            result.issues.append(AnnotationIssue(source.name, f"row {number}", reason))
            continue
        key = _SegmentKey(row.video[0], row.start_frame, row.end_frame, row.action_id)
        rows = groups.setdefault(key, [])
        first = next((other for other in rows if other[1].video == row.video), None)
        if first is not None:
            reason = f"this camera of the segment is already in row {first[0]}"
            result.issues.append(AnnotationIssue(source.name, f"row {number}", reason))
        else:
            rows.append((number, row))
    result.segments.extend(_iter_segments(groups, source.name, split))


def _find_fault(row: FineRow) -> str:
    view, camera = find_view(row.video[1]), row.video[1]
    if row.end_frame <= row.start_frame:
        return f"the frames {row.start_frame}-{row.end_frame} are empty; the end must be later"
    if view is None:
        return f"camera {camera!r} is neither fixed (C10404_rgb) nor worn (HMC_84346135_mono10bit)"
    if (view == "exo") != bool(row.is_rgb):
        return f"camera {camera!r} has is_RGB {row.is_rgb}; 1 are the fixed cameras"
    return ""


def _iter_segments(
    groups: Mapping[_SegmentKey, Sequence[tuple[int, FineRow]]], file: str, split: Split
) -> Iterator[ActionSegment]:
    for key, rows in groups.items():
        number, first = rows[0]
        views = sorted(row.video[1] for _, row in rows)
        yield ActionSegment(
            split=split,
            sequence=key.sequence,
            start=key.start_frame / FRAME_RATE,
            end=key.end_frame / FRAME_RATE,
            action=first.action,
            ego_views=tuple(name for name in views if find_view(name) == "ego"),
            exo_views=tuple(name for name in views if find_view(name) == "exo"),
            location=f"{file}, row {number}",
            verb=first.verb,
            noun=first.noun,
        )
