"""Everything that the annotation files say, parsed and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from egoexobench.errors import DataError
from egoexobench.types import VIEWS, AnnotationIssue, Split, View
from egoexobench_plugins.egoexolearn import questions, tables
from egoexobench_plugins.egoexolearn.files import Source, need
from egoexobench_plugins.egoexolearn.questions import Lists
from egoexobench_plugins.egoexolearn.tables import Fine, Label, Labelled, Train
from egoexobench_plugins.egoexolearn.videos import Video, beyond, known, wrong_view

_Row = TypeVar("_Row", Train, Labelled)
FINE = (
    "fine_annotation_test.csv",
    "fine_annotation_trainval_en.csv",
    "fine_annotation_trainvaltest_en.csv",
)


@dataclass(frozen=True, slots=True)
class Annotations:
    """Rows of every file that is there; an absent file gives none."""

    videos: Mapping[str, Video]
    verbs: Sequence[str]
    nouns: Sequence[str]
    actions: Sequence[str]
    train: Mapping[View, Sequence[Train]]
    labelled: Mapping[Split, Sequence[Labelled]]
    lists: Mapping[Split, Lists]
    texts: Mapping[str, str]
    """Narration by annotation id, where a fine annotation has one."""
    places: Mapping[str, str]
    """File and row by annotation id, of train and of labelled rows."""
    findings: Sequence[AnnotationIssue]


def read(sources: Mapping[str, Source], lists: Mapping[Split, Source]) -> Annotations:
    """Read what there is.

    Args:
        sources: files by name.
        lists: question files by split.

    Raises:
        DataError: a file is broken as a whole, or one that the others need is not there.
    """
    findings: list[AnnotationIssue] = []
    fine = [row for name in FINE if name in sources for row in _fine(sources[name], findings)]
    videos = known(sources.get("video_meta_downsampled.json"), fine, findings)
    verbs, nouns = (_taxonomy(sources, kind) for kind in ("verb", "noun"))
    every, valid = range(len(verbs)), _valid(sources, len(verbs))
    train: dict[View, Sequence[Train]] = {}
    trained: dict[str, str] = {}
    for view in VIEWS:
        if source := sources.get(f"{view}_train.csv"):
            ids = every, range(len(nouns))
            train[view] = _table(source, Train, view, ids, videos, trained, findings)
    labelled: dict[Split, Sequence[Labelled]] = {}
    places = trained
    for split in ("val", "test"):
        if source := sources.get(f"exo_{split}_valid.csv"):
            tested: dict[str, str] = {}
            allowed = valid, range(len(nouns))
            labelled[split] = _table(source, Labelled, "exo", allowed, videos, tested, findings)
            places = tested | places
    asked = {split: questions.read(source, videos, findings) for split, source in lists.items()}
    texts = {row.annotation_id: row.narration_en for row in fine if row.narration_en}
    actions = [verbs[i] for i in valid]
    return Annotations(
        videos, verbs, nouns, actions, train, labelled, asked, texts, places, findings
    )


def _fine(source: Source, findings: list[AnnotationIssue]) -> list[Fine]:
    rows = tables.read(source, Fine, findings)
    return [row for _, row in tables.keep(source, rows, lambda _: None, {}, findings)]


def _table(
    source: Source,
    schema: type[_Row],
    view: View,
    allowed: tuple[Sequence[int], Sequence[int]],
    videos: Mapping[str, Video],
    first: dict[str, str],
    findings: list[AnnotationIssue],
) -> list[_Row]:
    def wrong(row: _Row) -> str | None:
        return (
            wrong_view(videos, row.video_uid, view)
            or _outside("verb", row.verb, allowed[0])
            or _outside("noun", row.noun, allowed[1])
        )

    kept = tables.keep(source, tables.read(source, schema, findings), wrong, first, findings)
    for number, row in kept:
        if reason := beyond(videos, row.video_uid, row.start_sec, row.end_sec):
            findings.append(AnnotationIssue(source.name, f"row {number}", reason, dropped=False))
    return [row for _, row in kept]


def _taxonomy(sources: Mapping[str, Source], kind: str) -> list[str]:
    if not any(name.endswith(("_train.csv", "_valid.csv")) for name in sources):
        return []
    source = need(sources, f"narration_{kind}_taxonomy.csv", f"the {kind}s of a clip")
    found: list[AnnotationIssue] = []
    labels = [row.label for _, row in tables.read(source, Label, found)]
    if found:
        # a class id is the place of a row: without one row every later id is another class
        raise DataError(f"{source.path}, {found[0].row}: {found[0].reason}")
    return labels


def _valid(sources: Mapping[str, Source], verbs: int) -> list[int]:
    if not any(name.endswith("_valid.csv") for name in sources):
        return []
    source = need(sources, "valid_verbs.txt", "the action labels of a clip")
    words = source.data.decode("utf-8", "replace").split()
    for word in words:
        if not (word.isascii() and word.isdigit() and int(word) < verbs):
            raise DataError(f"{source.path}: {word[:60]!r} is no verb id from 0 to {verbs - 1}")
    return sorted({int(word) for word in words})


def _outside(kind: str, ids: Sequence[int], allowed: Sequence[int]) -> str | None:
    strange = [i for i in ids if i not in allowed]
    if not strange:
        return None
    return f"{kind} {strange[0]} is none of the {len(allowed)} {kind}s that there are"
