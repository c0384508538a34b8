"""Atomic descriptions as moments: texts of a point in time, by one or more annotators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import AliasChoices, BaseModel, Field, ValidationError

from egoexobench_plugins.ego_exo4d.files import ROW_CONFIG, JsonSource, require_mapping
from egoexobench_plugins.ego_exo4d.moments import (
    AnnotatedTake,
    MomentTable,
    TakeMoment,
    describe_missing_exo,
    find_late_time,
)
from egoexobench_plugins.ego_exo4d.takes import RecordedTake, describe_error

SAME_MOMENT_S = 1.0
"""Texts of different annotators that are at most so far apart describe one moment, s: a time is
meant within 1 to 2 s (Ego-Exo4D-docs)."""
WEARER = "C"
"""Subject of a text that is about the person who wears the glasses."""


class _BestExo(BaseModel):
    model_config = ROW_CONFIG

    cam_id: str | None = None
    raw_cam_id: str | None = None

    @property
    def name(self) -> str | None:
        """The name that is used in messages."""
        return self.cam_id or self.raw_cam_id


class _DescriptionRow(BaseModel):
    model_config = ROW_CONFIG

    text: str = Field(min_length=1)
    timestamp: float = Field(ge=0, allow_inf_nan=False)
    subject: str | None = Field(None, validation_alias=AliasChoices("subject", "narration_subject"))
    ego_visible: bool | None = None
    unsure: bool | None = None
    best_exo: _BestExo | None = None


class _AnnotationRow(BaseModel):
    model_config = ROW_CONFIG

    rejected: bool | None = None
    descriptions: tuple[object, ...]


class _TimedText(NamedTuple):
    """A text that is used: sorted by time, then by its place in the file."""

    seconds: float
    annotation: int
    number: int
    text: str
    exo: str


def iter_description_rows(source: JsonSource) -> Iterator[tuple[str, list[object]]]:
    """Yield the uid of each take of a file, and what its annotators wrote.

    Raises:
        DataError: if the file has no object ``annotations``.
    """
    for uid, entry in require_mapping(source, "annotations").items():
        yield uid, entry if isinstance(entry, list) else [entry]


def add_descriptions(table: MomentTable, annotated: AnnotatedTake, seconds: float) -> None:
    """Add the moments of a take: ``seconds`` around a text, cut at both ends of the take.

    A text that another annotator wrote within `SAME_MOMENT_S` is a second text of the moment; its
    span and its exo camera are those of the first one.
    """
    for group in _group_texts(sorted(_iter_texts(table, annotated))):
        first, take = group[0], annotated.take
        row = _format_row(take, first.annotation, first.number)
        end = first.seconds + seconds / 2
        moment = TakeMoment(
            take=take,
            start=max(first.seconds - seconds / 2, 0.0),
            end=end if take.seconds is None else min(end, take.seconds),
            exo=first.exo,
            texts=tuple(dict.fromkeys(item.text for item in group)),
            location=f"{annotated.file}, {row}",
        )
        table.add_moment(annotated.file, row, moment)


def _iter_texts(table: MomentTable, annotated: AnnotatedTake) -> Iterator[_TimedText]:
    """Yield the texts that can be used; all others are counted in the table."""
    take = annotated.take
    for number, entry in enumerate(annotated.rows):
        try:
            annotation = _AnnotationRow.model_validate(entry)
        except ValidationError as error:
            table.num_rows += 1
            row = f"take {take.uid}, annotation {number}"
            table.add_issue(annotated.file, row, describe_error(error))
            continue
        for index, item in enumerate(annotation.descriptions):
            table.num_rows += 1
            row = _format_row(take, number, index)
            if annotation.rejected:
                table.skipped["of rejected annotations"] += 1
                continue
            try:
                description = _DescriptionRow.model_validate(item)
            except ValidationError as error:
                table.add_issue(annotated.file, row, describe_error(error))
                continue
            if reason := _find_rule(description):
                table.skipped[reason] += 1
                continue
            exo = _choose_exo(take, description)
            if reason := find_late_time(take, description.timestamp):
                table.add_issue(annotated.file, row, reason)
            elif exo is None:
                named = description.best_exo.name if description.best_exo else None
                origins = {"the description": named} if named else {"takes.json": take.best_exo}
                table.add_issue(annotated.file, row, describe_missing_exo(take, origins))
            else:
                yield _TimedText(
                    seconds=description.timestamp,
                    annotation=number,
                    number=index,
                    text=description.text,
                    exo=exo,
                )


def _find_rule(description: _DescriptionRow) -> str | None:
    """Return by which rule a description is no clip; None if it is one."""
    if description.subject != WEARER:
        return "about other people, or without a subject"
    if description.unsure:
        return "unsure"
    return None if description.ego_visible else "not known to be visible for the wearer"


def _choose_exo(take: RecordedTake, description: _DescriptionRow) -> str | None:
    """Return the camera that a description names, by either of its names, or that of the take."""
    named = description.best_exo
    if named and named.name:
        return take.find_exo(named.cam_id, named.raw_cam_id)
    return take.find_exo(take.best_exo)


def _group_texts(texts: list[_TimedText]) -> Iterator[list[_TimedText]]:
    """Yield the texts of each moment; those of one annotation are of one time."""
    groups: list[list[_TimedText]] = []
    for item in texts:
        for group in reversed(groups):
            if item.seconds - group[0].seconds > SAME_MOMENT_S:
                groups.append([item])
                break
            is_same_time = item.seconds == group[0].seconds
            if is_same_time or item.annotation not in {other.annotation for other in group}:
                group.append(item)
                break
        else:
            groups.append([item])
    yield from groups


def _format_row(take: RecordedTake, annotation: int, index: int) -> str:
    return f"take {take.uid}, annotation {annotation}, description {index}"
