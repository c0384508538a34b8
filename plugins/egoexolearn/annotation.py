"""The content of all annotation files, parsed and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from egoexobench.errors import DataError
from egoexobench.toolbox.annotation_tables import ParsedTable, read_annotation_table
from egoexobench.types import VIEWS, AnnotationIssue, Split, View
from egoexobench_plugins.egoexolearn.files import SourceFile, require_source
from egoexobench_plugins.egoexolearn.questions import QuestionFile, read_questions
from egoexobench_plugins.egoexolearn.tables import (
    FineRow,
    LabeledRow,
    TaxonomyRow,
    TrainRow,
    drop_invalid_rows,
    locate_rows,
)
from egoexobench_plugins.egoexolearn.videos import (
    METADATA_NAME,
    VideoInfo,
    find_late_end,
    find_wrong_view,
    read_videos,
)

_Key = TypeVar("_Key", bound=str)
_ClipRow = TypeVar("_ClipRow", TrainRow, LabeledRow)
_FINE_NAMES = (
    "fine_annotation_test.csv",
    "fine_annotation_trainval_en.csv",
    "fine_annotation_trainvaltest_en.csv",
)


@dataclass(frozen=True, slots=True)
class AnnotationData:
    """Valid rows of every file that exists; a missing file gives none."""

    videos: Mapping[str, VideoInfo]
    taxonomy: Taxonomy
    train_rows: Mapping[View, Sequence[TrainRow]]
    labeled_rows: Mapping[Split, Sequence[LabeledRow]]
    question_files: Mapping[Split, QuestionFile]
    narrations: Mapping[str, str]
    """Narration by annotation id, if a fine annotation has one."""
    locations: Mapping[str, str]
    """File and row by annotation id, of training rows and of labeled rows."""
    issues: Sequence[AnnotationIssue]


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """Names of all verbs and nouns, by class id, and the ids of the verbs of the action task."""

    verbs: Sequence[str]
    nouns: Sequence[str]
    action_ids: Sequence[int]

    @property
    def actions(self) -> Sequence[str]:
        """Names of the verbs of the action task."""
        return [self.verbs[i] for i in self.action_ids]


@dataclass(frozen=True, slots=True)
class _ClipRows(Generic[_Key, _ClipRow]):
    """Rows by view or split, the location of each annotation id, and the issues."""

    rows: Mapping[_Key, Sequence[_ClipRow]] = field(default_factory=dict)
    locations: Mapping[str, str] = field(default_factory=dict)
    issues: Sequence[AnnotationIssue] = ()

    def add(
        self, key: _Key, table: ParsedTable[_ClipRow], locations: Mapping[str, str]
    ) -> _ClipRows[_Key, _ClipRow]:
        """Return these rows with those of another table; ``locations`` are those of both."""
        rows = {**self.rows, key: [row for _, row in table.rows]}
        return _ClipRows(rows, locations, (*self.issues, *table.issues))


@dataclass(frozen=True, slots=True)
class _RowChecker:
    """Finds rows of a view with a wrong video, or with a verb or noun that is not allowed."""

    videos: Mapping[str, VideoInfo]
    view: View
    verb_ids: Sequence[int]
    noun_ids: Sequence[int]

    def find_error(self, row: TrainRow | LabeledRow) -> str | None:
        """Return an error message, or None."""
        return (
            find_wrong_view(self.videos, row.video_uid, self.view)
            or _find_unknown_id("verb", row.verb, self.verb_ids)
            or _find_unknown_id("noun", row.noun, self.noun_ids)
        )

    def find_late_ends(self, name: str, table: ParsedTable[_ClipRow]) -> list[AnnotationIssue]:
        """Return an issue for each row of file ``name`` that ends after its video."""
        return [
            AnnotationIssue(name, f"row {number}", reason, dropped=False)
            for number, row in table.rows
            if (reason := find_late_end(self.videos, row.video_uid, row.start_sec, row.end_sec))
        ]


def read_annotations(
    sources: Mapping[str, SourceFile], question_sources: Mapping[Split, SourceFile]
) -> AnnotationData:
    """Read all files that exist.

    Args:
        sources: files by name.
        question_sources: question files by split.

    Raises:
        DataError: a file cannot be read at all, or a file that others need is missing.
    """
    fine_table = _read_fine(sources)
    fine_rows = [row for _, row in fine_table.rows]
    video_table = read_videos(sources.get(METADATA_NAME), fine_rows)
    taxonomy = _read_taxonomy(sources)
    train = _read_train(sources, video_table.videos, taxonomy)
    labeled = _read_labeled(sources, video_table.videos, taxonomy)
    question_files = {
        split: read_questions(source, video_table.videos)
        for split, source in question_sources.items()
    }
    issues = [*fine_table.issues, *video_table.issues, *train.issues, *labeled.issues]
    return AnnotationData(
        videos=video_table.videos,
        taxonomy=taxonomy,
        train_rows=train.rows,
        labeled_rows=labeled.rows,
        question_files=question_files,
        narrations={row.annotation_id: row.narration_en for row in fine_rows if row.narration_en},
        # an id of a labeled row may also be that of a training row
        locations={**labeled.locations, **train.locations},
        issues=[*issues, *(issue for file in question_files.values() for issue in file.issues)],
    )


def _read_fine(sources: Mapping[str, SourceFile]) -> ParsedTable[FineRow]:
    """Return the rows of all fine annotations."""
    rows: list[tuple[int, FineRow]] = []
    issues: list[AnnotationIssue] = []
    for source in (sources[name] for name in _FINE_NAMES if name in sources):
        table = read_annotation_table(source, FineRow)
        locations = locate_rows(source, table.rows)
        valid = drop_invalid_rows(source, table, locations, lambda _: None)
        rows += valid.rows
        issues += valid.issues
    return ParsedTable(rows, issues)


def _read_train(
    sources: Mapping[str, SourceFile], videos: Mapping[str, VideoInfo], taxonomy: Taxonomy
) -> _ClipRows[View, TrainRow]:
    clip_rows: _ClipRows[View, TrainRow] = _ClipRows()
    for view in VIEWS:
        if source := sources.get(f"{view}_train.csv"):
            checker = _RowChecker(
                videos, view, range(len(taxonomy.verbs)), range(len(taxonomy.nouns))
            )
            table = read_annotation_table(source, TrainRow)
            locations = {**locate_rows(source, table.rows), **clip_rows.locations}
            table = _check_rows(source, table, checker, locations)
            clip_rows = clip_rows.add(view, table, locations)
    return clip_rows


def _read_labeled(
    sources: Mapping[str, SourceFile], videos: Mapping[str, VideoInfo], taxonomy: Taxonomy
) -> _ClipRows[Split, LabeledRow]:
    checker = _RowChecker(videos, "exo", taxonomy.action_ids, range(len(taxonomy.nouns)))
    clip_rows: _ClipRows[Split, LabeledRow] = _ClipRows()
    splits: tuple[Split, ...] = ("val", "test")
    for split in splits:
        if source := sources.get(f"exo_{split}_valid.csv"):
            table = read_annotation_table(source, LabeledRow)
            locations = locate_rows(source, table.rows)
            table = _check_rows(source, table, checker, locations)
            clip_rows = clip_rows.add(split, table, {**locations, **clip_rows.locations})
    return clip_rows


def _check_rows(
    source: SourceFile,
    table: ParsedTable[_ClipRow],
    checker: _RowChecker,
    locations: Mapping[str, str],
) -> ParsedTable[_ClipRow]:
    valid: ParsedTable[_ClipRow] = drop_invalid_rows(source, table, locations, checker.find_error)
    return ParsedTable(valid.rows, [*valid.issues, *checker.find_late_ends(source.name, valid)])


def _read_taxonomy(sources: Mapping[str, SourceFile]) -> Taxonomy:
    verbs, nouns = (_read_labels(sources, kind) for kind in ("verb", "noun"))
    return Taxonomy(verbs, nouns, _read_action_ids(sources, len(verbs)))


def _read_labels(sources: Mapping[str, SourceFile], kind: str) -> list[str]:
    if not any(name.endswith(("_train.csv", "_valid.csv")) for name in sources):
        return []
    source = require_source(sources, f"narration_{kind}_taxonomy.csv", f"the {kind}s of a clip")
    table = read_annotation_table(source, TaxonomyRow)
    if table.issues:
        # the class id is the index of the row: without this row all later ids would be wrong
        issue = table.issues[0]
        raise DataError(f"{source.path}, {issue.row}: {issue.reason}")
    return [row.label for _, row in table.rows]


def _read_action_ids(sources: Mapping[str, SourceFile], num_verbs: int) -> list[int]:
    if not any(name.endswith("_valid.csv") for name in sources):
        return []
    source = require_source(sources, "valid_verbs.txt", "the action labels of a clip")
    words = source.data.decode("utf-8", "replace").split()
    for word in words:
        if not (word.isascii() and word.isdigit() and int(word) < num_verbs):
            raise DataError(
                f"{source.path}: {word[:60]!r} is not a verb id from 0 to {num_verbs - 1}"
            )
    return sorted({int(word) for word in words})


def _find_unknown_id(kind: str, ids: Sequence[int], allowed: Sequence[int]) -> str | None:
    unknown = [i for i in ids if i not in allowed]
    if not unknown:
        return None
    return f"{kind} {unknown[0]} is not one of the {len(allowed)} {kind}s"
