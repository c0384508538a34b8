"""The file of queries beside a record: what was asked, so that a record can be verified.

``ID.queries.jsonl`` has one object a line, of the kind that its field ``kind`` names: the clips of
each view of the scored split, galleries, each once and before the queries that use it, queries of
each track, labeled clips of every split, and the label spaces that a data set defines. Queries of
``association`` are those of its two tasks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, final

from pydantic import Field, TypeAdapter, ValidationError

from egoexobench.errors import DataError
from egoexobench.evaluation.queries import LabeledClip
from egoexobench.records.field_types import Count, RecordModel
from egoexobench.records.store import check_unique_keys, first_error, split_lines
from egoexobench.types import (
    CandidatePolicy,
    Gallery,
    LabelSpace,
    Query,
    Split,
    Task,
    TrackKey,
    View,
)

QueriesByTrack = dict[TrackKey, list[Query]]
ClipsByTask = dict[Task, dict[Split, list[LabeledClip]]]


@dataclass(frozen=True, slots=True)
class ScoredQueries:
    """Every query and every labeled clip of a run, in the order of the data set."""

    views: dict[str, View] = field(default_factory=dict)
    """View of each clip of the scored split."""
    queries: QueriesByTrack = field(default_factory=dict)
    labeled_clips: ClipsByTask = field(default_factory=dict)
    label_spaces: dict[Task, LabelSpace] = field(default_factory=dict)


@final
class ViewLine(RecordModel):
    """The clips of one view of the scored split."""

    kind: Literal["view"] = "view"
    view: View
    clips: tuple[str, ...]


@final
class GalleryLine(RecordModel):
    """The candidates of queries."""

    kind: Literal["gallery"] = "gallery"
    gallery: Count
    ids: tuple[str, ...] = Field(min_length=1)


@final
class QueryLine(RecordModel):
    """One query."""

    kind: Literal["query"] = "query"
    task: Task
    policy: CandidatePolicy
    source: str
    gallery: Count = Field(description="number of a gallery above")
    positives: tuple[Count, ...] = Field(min_length=1, description="positions in the gallery")
    cluster: str


@final
class ClipLine(RecordModel):
    """One labeled clip of a recognition task."""

    kind: Literal["clip"] = "clip"
    task: Task
    split: Split
    clip: str
    labels: tuple[str, ...] = Field(min_length=1)
    cluster: str


@final
class LabelSpaceLine(RecordModel):
    """View and classes of a recognition task, where a data set defines them."""

    kind: Literal["label_space"] = "label_space"
    task: Task
    view: View
    names: tuple[str, ...]


QueriesLine = ViewLine | GalleryLine | QueryLine | ClipLine | LabelSpaceLine
_LINE: TypeAdapter[QueriesLine] = TypeAdapter(Annotated[QueriesLine, Field(discriminator="kind")])


def format_queries(scored: ScoredQueries) -> str:
    """Return the text of the file."""
    return "".join(line.model_dump_json() + "\n" for line in _iter_lines(scored))


def parse_queries(location: str, text: str) -> ScoredQueries:
    """Return what :func:`format_queries` wrote.

    Args:
        location: the file, for messages.
        text: its content.

    Raises:
        DataError: with the line that is wrong.
    """
    scored, galleries = ScoredQueries(), dict[int, Gallery]()
    for number, line in enumerate(split_lines(text), 1):
        check_unique_keys(f"{location}, line {number}", line)
        try:
            _add_line(scored, galleries, _LINE.validate_json(line))
        except ValidationError as error:
            raise DataError(f"{location}, line {number}: {first_error(error)}") from None
        except DataError as error:
            raise DataError(f"{location}, line {number}: {error}") from None
    return scored


def _iter_lines(scored: ScoredQueries) -> Iterator[QueriesLine]:
    for view in sorted(set(scored.views.values())):
        clips = tuple(name for name, clip_view in scored.views.items() if clip_view == view)
        yield ViewLine(view=view, clips=clips)
    for task, space in scored.label_spaces.items():
        yield LabelSpaceLine(task=task, view=space.view, names=space.names)
    yield from _iter_query_lines(scored.queries)
    for task, by_split in scored.labeled_clips.items():
        for split, clips_of_split in by_split.items():
            for clip in clips_of_split:
                yield ClipLine(
                    task=task,
                    split=split,
                    clip=clip.clip_id,
                    labels=clip.labels,
                    cluster=clip.cluster,
                )


def _iter_query_lines(queries: Mapping[TrackKey, list[Query]]) -> Iterator[QueriesLine]:
    numbers: dict[Gallery, int] = {}
    for key, track_queries in queries.items():
        for query in track_queries:
            if query.gallery not in numbers:
                numbers[query.gallery] = len(numbers)
                yield GalleryLine(gallery=numbers[query.gallery], ids=query.gallery.ids)
            yield QueryLine.model_validate(
                {
                    "task": key.task,
                    "policy": key.policy,
                    "source": query.source,
                    "gallery": numbers[query.gallery],
                    "positives": query.positives,
                    "cluster": query.cluster,
                }
            )


def _add_line(scored: ScoredQueries, galleries: dict[int, Gallery], line: QueriesLine) -> None:
    match line:
        case ViewLine():
            if repeated := scored.views.keys() & set(line.clips):
                raise DataError(f"clip {min(repeated)!r} is listed twice")
            scored.views.update(dict.fromkeys(line.clips, line.view))
        case GalleryLine():
            _add_gallery(galleries, line)
        case QueryLine():
            key = TrackKey(line.task, line.policy)
            scored.queries.setdefault(key, []).append(_make_query(galleries, line))
        case ClipLine():
            clip = LabeledClip(line.clip, line.labels, line.cluster)
            by_split = scored.labeled_clips.setdefault(line.task, {})
            by_split.setdefault(line.split, []).append(clip)
        case LabelSpaceLine():
            scored.label_spaces[line.task] = LabelSpace(line.view, line.names)


def _add_gallery(galleries: dict[int, Gallery], line: GalleryLine) -> None:
    if line.gallery in galleries:
        raise DataError(f"gallery {line.gallery} stands above already")
    if len(set(line.ids)) < len(line.ids):
        raise DataError(f"gallery {line.gallery} lists a candidate twice")
    galleries[line.gallery] = Gallery(line.ids)


def _make_query(galleries: Mapping[int, Gallery], line: QueryLine) -> Query:
    gallery = galleries.get(line.gallery)
    if gallery is None:
        raise DataError(f"gallery {line.gallery} does not stand above")
    if max(line.positives) >= len(gallery.ids) or len(set(line.positives)) < len(line.positives):
        raise DataError(f"positives of {line.source!r} are not positions of its gallery, each once")
    return Query(line.source, gallery, line.positives, line.cluster)
