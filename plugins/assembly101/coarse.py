"""Coarse segments: a file of labels for each sequence, and files that say the splits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from egoexobench.errors import DataError
from egoexobench.toolbox.annotation_tables import AnnotationFile, find_annotation_file
from egoexobench.types import AnnotationIssue, Split
from egoexobench_plugins.assembly101.segments import (
    FRAME_RATE,
    ActionSegment,
    SegmentTables,
    find_view,
)

FOLDER = "coarse-annotations"
KINDS = ("assembly", "disassembly")
SPLIT_FILES: Mapping[Split, str] = {
    "train": "coarse_splits/train_coarse_{kind}.txt",
    "test": "coarse_splits/val_coarse_{kind}.txt",
}
"""By our split: the official test has no labels."""
VIEWS_FILE = "coarse_seq_views.txt"
_LABELS_NAME = re.compile(r"(assembly|disassembly)_([0-9A-Za-z][0-9A-Za-z_.-]{0,199})\.txt")
_FRAME = re.compile(r"[0-9]{1,9}")


def read_coarse_segments(root: Path) -> SegmentTables:
    """Return the segments of the official train and val, assembly and disassembly.

    Raises:
        DataError: if the list of cameras, or every list of a split, is missing.
    """
    result = SegmentTables([], [], [])
    views = _read_views(_require_source(root, VIEWS_FILE), result)
    for split, template in SPLIT_FILES.items():
        for kind in KINDS:
            source = _find_source(root, template.format(kind=kind))
            if source is not None:
                result.sources.append(source)
                _add_split(root, result, source, views, split=split)
    if len(result.sources) == 1:
        raise DataError(f"{root} has no list of a split, such as {SPLIT_FILES['train']}")
    return result


def _find_source(root: Path, name: str) -> AnnotationFile | None:
    return find_annotation_file(root, f"{FOLDER}/{name}", name)


def _require_source(root: Path, name: str) -> AnnotationFile:
    source = _find_source(root, name)
    if source is None:
        raise DataError(f"{root} has no {name}, in it or in {FOLDER}; coarse segments need it")
    return source


def _iter_lines(source: AnnotationFile) -> Iterator[tuple[int, str]]:
    try:
        text = source.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{source.path} is not UTF-8 text: {error.reason}") from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, line


def _read_views(source: AnnotationFile, result: SegmentTables) -> dict[str, list[str]]:
    """A line names a sequence and its cameras, or one of them as ``SEQUENCE/VIEW.mp4``."""
    result.sources.append(source)
    views: dict[str, list[str]] = {}
    for number, line in _iter_lines(source):
        words = [word for word in re.split(r"[\s,/]+", line.strip()) if word]
        names = [word.removesuffix(".mp4") for word in words[1:]]
        if not names or any(find_view(name) is None for name in names):
            reason = f"{line.strip()[:80]!r} is no sequence with its cameras"
            result.issues.append(AnnotationIssue(source.name, f"line {number}", reason))
        else:
            views.setdefault(words[0], []).extend(names)
    return views


def _add_split(
    root: Path,
    result: SegmentTables,
    source: AnnotationFile,
    views: Mapping[str, list[str]],
    *,
    split: Split,
) -> None:
    for number, line in _iter_lines(source):
        name = line.split()[0]
        match = _LABELS_NAME.fullmatch(name)
        labels = _find_source(root, f"coarse_labels/{name}") if match else None
        if match is None or labels is None or match[2] not in views:
            reason = f"{name[:80]!r} is no file of coarse_labels of a sequence in {VIEWS_FILE}"
            result.issues.append(AnnotationIssue(source.name, f"line {number}", reason))
            continue
        result.sources.append(labels)
        _add_labels(result, labels, sequence=match[2], views=views[match[2]], split=split)


def _add_labels(
    result: SegmentTables, source: AnnotationFile, *, sequence: str, views: list[str], split: Split
) -> None:
    for number, line in _iter_lines(source):
        cells = [cell.strip() for cell in line.split("\t")]
        is_valid = len(cells) >= 3 and all(map(_FRAME.fullmatch, cells[:2])) and cells[2]
        if not is_valid or int(cells[1]) <= int(cells[0]):
            reason = f"{line.strip()[:80]!r} is no start, later end and name, separated by tabs"
            result.issues.append(AnnotationIssue(source.name, f"line {number}", reason))
            continue
        names = sorted(set(views))
        segment = ActionSegment(
            split=split,
            sequence=sequence,
            start=int(cells[0]) / FRAME_RATE,
            end=int(cells[1]) / FRAME_RATE,
            action=cells[2],
            ego_views=tuple(name for name in names if find_view(name) == "ego"),
            exo_views=tuple(name for name in names if find_view(name) == "exo"),
            location=f"{source.name}, line {number}",
        )
        result.segments.append(segment)
