"""Which files the benchmark consists of, where they lie, and which version they are."""

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
"""File to its folder in OpenGVLab/EgoExoLearn, commit e1f11b1; EgoInstructor's file beside ours."""

BRINGS = {
    "ego_train.csv": "train pairs",
    "exo_train.csv": "train pairs",
    "association_val_hard.json": "questions of the split val",
    "association_test_hard.json": "questions of the split test",
    "exo_val_valid.csv": "action labels of the split val",
    "exo_test_valid.csv": "action labels of the split test",
    "fine_annotation_trainvaltest_en.csv": "narrations of the test annotations, which are blind",
}
"""What there is none of without a file."""

CURRENT = "since commit 7fcbd0d of OpenGVLab/EgoExoLearn"
OLD = "before commit 7fcbd0d of OpenGVLab/EgoExoLearn, whose answers were corrected later"
VERSIONS = {
    "e5f84b30e587743b192b36602368ebb7880cd837": f"association_val_hard.json, {CURRENT}",
    "3770c5d48fa84cea6adc3ceb2806f2fc1ea16f02": f"association_test_hard.json, {CURRENT}",
    "812064d5cf938e6175b5a28fd9984666aac522ab": f"association_val_hard.json, {OLD}",
    "48c645e584d4f7adf0b79827f6c8a1c093b90ea0": f"association_test_hard.json, {OLD}",
}
"""Published versions of the question files by git blob id."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read: its name, where it lies, its bytes and their git blob id."""

    name: str
    path: Path
    data: bytes
    blob: str


def locate(root: Path, name: str) -> Path | None:
    """Return where a file lies: in its official folder below ``root``, or in ``root`` itself."""
    places = (root / FOLDERS.get(name, ".") / name, root / name)
    return next((place for place in places if place.is_file()), None)


def load(path: Path) -> Source:
    """Read a file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    return Source(path.name, path, data, blob(data))


def gather(root: Path) -> dict[str, Source]:
    """Read the files that are there, by name.

    Raises:
        DataError: the folder holds none of them, or one cannot be read.
    """
    found = {name: load(path) for name in FOLDERS if (path := locate(root, name))}
    if not found:
        raise DataError(
            f"{root} holds no file of EgoExoLearn; it needs at least video_meta_downsampled.json "
            f"and {_ASSOCIATION}/association_test_hard.json of OpenGVLab/EgoExoLearn"
        )
    return found


def need(sources: Mapping[str, Source], name: str, why: str) -> Source:
    """Return a file that others cannot be read without.

    Raises:
        DataError: it is not there.
    """
    if name not in sources:
        raise DataError(f"{name} is missing, and {why} cannot be read without it")
    return sources[name]


def blob(data: bytes) -> str:
    """Return the id that git gives these bytes: SHA-1 of a header and the bytes."""
    header = b"blob %d\0" % len(data)
    return hashlib.sha1(header + data, usedforsecurity=False).hexdigest()


def version(source: Source) -> str:
    """Return which published version a question file is, or that it is an unknown one."""
    return VERSIONS.get(source.blob, f"{source.name}, unknown version (git blob {source.blob})")
