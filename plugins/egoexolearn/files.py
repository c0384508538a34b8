"""The annotation files: their folders, contents and published versions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from egoexobench.errors import DataError

_ASSOCIATION = "association_benchmark/annotations"
_VERBS = "action_anticipation_planning_benchmark/anticpation_annotation/balanced_full_annotation"
FOLDERS = {
    "video_meta_downsampled.json": ".",
    "fine_annotation_test.csv": "annotations",
    "fine_annotation_trainval_en.csv": "annotations",
    "fine_annotation_trainvaltest_en.csv": "annotations",
    "narration_noun_taxonomy.csv": "annotations",
    "narration_verb_taxonomy.csv": "annotations",
    "ego_train.csv": _ASSOCIATION,
    "exo_train.csv": _ASSOCIATION,
    "association_val_hard.json": _ASSOCIATION,
    "association_test_hard.json": _ASSOCIATION,
    "egolearn_mcq_validation.json": _ASSOCIATION,
    "valid_verbs.txt": _VERBS,
    "exo_val_valid.csv": _VERBS,
    "exo_test_valid.csv": _VERBS,
}
"""Folder of each file in OpenGVLab/EgoExoLearn, commit e1f11b1, and of EgoInstructor's file."""

CONTENTS = {
    "ego_train.csv": "train pairs",
    "exo_train.csv": "train pairs",
    "association_val_hard.json": "questions of the split val",
    "association_test_hard.json": "questions of the split test",
    "exo_val_valid.csv": "action labels of the split val",
    "exo_test_valid.csv": "action labels of the split test",
    "fine_annotation_trainvaltest_en.csv": "narrations of the test annotations, which are blind",
}
"""What cannot be loaded without the file."""

_CURRENT = "since commit 7fcbd0d of OpenGVLab/EgoExoLearn"
_OLD = "before commit 7fcbd0d of OpenGVLab/EgoExoLearn, whose answers were corrected later"
VERSIONS = {
    "e5f84b30e587743b192b36602368ebb7880cd837": f"association_val_hard.json, {_CURRENT}",
    "3770c5d48fa84cea6adc3ceb2806f2fc1ea16f02": f"association_test_hard.json, {_CURRENT}",
    "812064d5cf938e6175b5a28fd9984666aac522ab": f"association_val_hard.json, {_OLD}",
    "48c645e584d4f7adf0b79827f6c8a1c093b90ea0": f"association_test_hard.json, {_OLD}",
}
"""Published versions of the question files, by git blob id."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file with its content and its git blob id."""

    name: str
    path: Path
    data: bytes
    blob_id: str


def find_file(root: Path, name: str) -> Path | None:
    """Return the path of a file: in its official folder below ``root``, or in ``root`` itself."""
    paths = (root / FOLDERS.get(name, ".") / name, root / name)
    return next((path for path in paths if path.is_file()), None)


def read_source(path: Path) -> SourceFile:
    """Read a file.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    return SourceFile(path.name, path, data, compute_blob_id(data))


def read_sources(root: Path) -> dict[str, SourceFile]:
    """Read all files of the benchmark that exist in ``root``; return them by name.

    Raises:
        DataError: the folder has none of them, or a file cannot be read.
    """
    sources = {name: read_source(path) for name in FOLDERS if (path := find_file(root, name))}
    if not sources:
        raise DataError(
            f"{root} has no file of EgoExoLearn; it needs at least video_meta_downsampled.json "
            f"and {_ASSOCIATION}/association_test_hard.json of OpenGVLab/EgoExoLearn"
        )
    return sources


def require_source(sources: Mapping[str, SourceFile], name: str, content: str) -> SourceFile:
    """Return a file that ``content`` cannot be read without.

    Raises:
        DataError: the file is missing.
    """
    if name not in sources:
        raise DataError(f"{name} is missing; {content} cannot be read without it")
    return sources[name]


def compute_blob_id(data: bytes) -> str:
    """Return the id that git gives to this content: the SHA-1 of a header and the bytes."""
    header = b"blob %d\0" % len(data)
    return hashlib.sha1(header + data, usedforsecurity=False).hexdigest()


def describe_version(source: SourceFile) -> str:
    """Return the published version of a question file, or that its version is unknown."""
    unknown = f"{source.name}, unknown version (git blob {source.blob_id})"
    return VERSIONS.get(source.blob_id, unknown)
