"""Key steps as moments: of ``keystep_*.json``, or of the benchmark's ``keystep_segment_*.json``."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, Field, ValidationError

from egoexobench.errors import DataError
from egoexobench.toolbox.annotation_tables import find_empty_span
from egoexobench_plugins.ego_exo4d.files import ROW_CONFIG, JsonSource, require_mapping
from egoexobench_plugins.ego_exo4d.moments import (
    AnnotatedTake,
    MomentTable,
    TakeMoment,
    describe_missing_exo,
    find_late_time,
)
from egoexobench_plugins.ego_exo4d.takes import RecordedTake, describe_error


class _SegmentRow(BaseModel):
    model_config = ROW_CONFIG

    start_time: float = Field(ge=0, allow_inf_nan=False)
    end_time: float = Field(gt=0, allow_inf_nan=False)
    step_unique_id: int | str
    step_name: str = Field(min_length=1)
    step_description: str | None = None


def iter_keystep_rows(source: JsonSource) -> Iterator[tuple[str, list[object]]]:
    """Yield the uid of each take of a file, and its segments.

    Raises:
        DataError: if the file has no object ``annotations``.
    """
    for uid, entry in require_mapping(source, "annotations").items():
        segments = entry.get("segments") if isinstance(entry, dict) else None
        yield uid, segments if isinstance(segments, list) else [segments]


def iter_benchmark_rows(source: JsonSource) -> Iterator[tuple[str, list[object]]]:
    """Yield the uid of each take of a benchmark file, and its segments.

    Raises:
        DataError: if the file has no list ``segments``.
    """
    content = source.content
    rows = content.get("segments") if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise DataError(f"{source.name} has no list 'segments'; Ego-Exo4D version 2 has one")
    by_take: dict[str, list[object]] = {}
    for row in rows:
        uid = row.get("take_uid") if isinstance(row, dict) else None
        by_take.setdefault(str(uid), []).append(row)
    yield from by_take.items()


def add_keysteps(table: MomentTable, annotated: AnnotatedTake) -> None:
    """Add the key steps of a take; the exo camera is the best one of the take."""
    take = annotated.take
    for index, entry in enumerate(annotated.rows):
        row = f"take {take.uid}, segment {index}"
        table.num_rows += 1
        try:
            segment = _SegmentRow.model_validate(entry)
        except ValidationError as error:
            table.add_issue(annotated.file, row, describe_error(error))
            continue
        result = _build_moment(take, segment, f"{annotated.file}, {row}")
        if isinstance(result, str):
            table.add_issue(annotated.file, row, result)
        else:
            table.add_moment(annotated.file, row, result)


def _build_moment(take: RecordedTake, segment: _SegmentRow, location: str) -> TakeMoment | str:
    """Return the moment of a segment, or why there is none."""
    if reason := find_empty_span(segment.start_time, segment.end_time):
        return reason
    if reason := find_late_time(take, segment.end_time):
        return reason
    exo = take.find_exo(take.best_exo)
    if exo is None:
        return describe_missing_exo(take, {"takes.json": take.best_exo})
    text = segment.step_description or segment.step_name
    return TakeMoment(
        take=take,
        start=segment.start_time,
        end=segment.end_time,
        exo=exo,
        texts=(text,),
        location=location,
        step=str(segment.step_unique_id),
        label=f"{segment.step_unique_id} {segment.step_name}",
    )
