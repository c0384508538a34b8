"""The annotation files of version 1; files of version 0 are rejected."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from egoexobench.errors import DataError
from egoexobench.types import Split

COLUMNS = (
    "id,subject,scene,quality,relevance,verified,script,objects,descriptions,actions,length,"
    "egocentric,charades_video"
).split(",")
"""The header of version 1; version 0 lacks the last two columns."""
CLASS_FILES = ("Charades_v1_classes.txt", "CharadesEgo_v1_classes.txt")


@dataclass(frozen=True, slots=True)
class AnnotationTable:
    """A file of version 1: its rows without the header, and the hash of its content."""

    name: str
    split: Split
    rows: Sequence[Sequence[str]]
    sha256: str


def read_tables(root: Path) -> list[AnnotationTable]:
    """Return the tables of train and test: one file of a split, or else one file of each view.

    Raises:
        DataError: a file of version 0 exists, no file of version 1 exists, or one is invalid.
    """
    old = sorted(path.name for path in root.glob("*_v0_*.csv"))
    new = sorted(path.name for path in root.glob("CharadesEgo_v1_*.csv"))
    if old:
        version = f"version 0 ({', '.join(old)})" + (" mixed with version 1" if new else "")
        raise DataError(
            f"{root} contains {version}, which has other pairs and splits; it needs "
            "CharadesEgo_v1_train.csv and CharadesEgo_v1_test.csv, and no file of version 0"
        )
    tables = [
        _read_table(path, split) for split in ("train", "test") for path in _find_files(root, split)
    ]
    if not tables:
        raise DataError(
            f"{root} has no annotations of CharadesEgo; it needs CharadesEgo_v1_train.csv "
            "and CharadesEgo_v1_test.csv"
        )
    return tables


def read_class_names(root: Path) -> dict[str, str]:
    """Return the names of the actions by class; empty without a file of class names."""
    path = next((root / name for name in CLASS_FILES if (root / name).is_file()), None)
    if path is None:
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return dict(line.strip().split(" ", 1) for line in lines if " " in line.strip())


def _find_files(root: Path, split: str) -> list[Path]:
    path = root / f"CharadesEgo_v1_{split}.csv"
    if path.is_file():
        return [path]
    parts = [root / f"CharadesEgo_v1_{split}_only{part}.csv" for part in ("1st", "3rd")]
    return [part for part in parts if part.is_file()]


def _read_table(path: Path, split: Split) -> AnnotationTable:
    try:
        data = path.read_bytes()
        lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    header = lines[0] if lines else []
    if header == COLUMNS[:-2]:
        raise DataError(
            f"{path} has the 11 columns of version 0; it needs the 13 columns of version 1, which "
            "end in egocentric and charades_video"
        )
    if header != COLUMNS:
        raise DataError(
            f"{path} has the columns {', '.join(header)}; it needs: {', '.join(COLUMNS)}"
        )
    return AnnotationTable(path.name, split, lines[1:], hashlib.sha256(data).hexdigest())
