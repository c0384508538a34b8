"""Which files the data set consists of; version 0 is refused by name."""

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
"""The header of version 1; version 0 lacks the last two."""
CLASSES = ("Charades_v1_classes.txt", "CharadesEgo_v1_classes.txt")


@dataclass(frozen=True, slots=True)
class Table:
    """A file of version 1: its rows without the header, and the hash of its bytes."""

    name: str
    split: Split
    rows: Sequence[Sequence[str]]
    sha256: str


def gather(root: Path) -> list[Table]:
    """Read the tables of train and test: whole ones, or else those of either view.

    Raises:
        DataError: there is a file of version 0, or none of version 1, or one is broken.
    """
    old = sorted(path.name for path in root.glob("*_v0_*.csv"))
    new = sorted(path.name for path in root.glob("CharadesEgo_v1_*.csv"))
    if old:
        found = f"version 0 ({', '.join(old)})" + (" mixed with version 1" if new else "")
        raise DataError(
            f"{root} holds {found}, whose pairs and splits are others; it needs "
            "CharadesEgo_v1_train.csv and CharadesEgo_v1_test.csv, and no file of version 0"
        )
    tables = [_read(path, split) for split in ("train", "test") for path in _of(root, split)]
    if not tables:
        raise DataError(
            f"{root} holds no annotations of CharadesEgo; it needs CharadesEgo_v1_train.csv "
            "and CharadesEgo_v1_test.csv"
        )
    return tables


def classes(root: Path) -> dict[str, str]:
    """Return the names of the actions by class, or nothing where there is no list of them."""
    path = next((root / name for name in CLASSES if (root / name).is_file()), None)
    if path is None:
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return dict(line.strip().split(" ", 1) for line in lines if " " in line.strip())


def _of(root: Path, split: str) -> list[Path]:
    whole = root / f"CharadesEgo_v1_{split}.csv"
    if whole.is_file():
        return [whole]
    parts = [root / f"CharadesEgo_v1_{split}_only{part}.csv" for part in ("1st", "3rd")]
    return [path for path in parts if path.is_file()]


def _read(path: Path, split: Split) -> Table:
    try:
        data = path.read_bytes()
        lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    header = lines[0] if lines else []
    if header == COLUMNS[:-2]:
        raise DataError(
            f"{path} is of version 0 by its 11 columns, whatever its name; it needs the 13 "
            "columns of version 1, which end in egocentric and charades_video"
        )
    if header != COLUMNS:
        raise DataError(f"{path} has the columns {', '.join(header)}; needed: {', '.join(COLUMNS)}")
    return Table(path.name, split, lines[1:], hashlib.sha256(data).hexdigest())
