"""A first manifest out of a folder of clips: pairs by name, splits by take."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from egoexobench.data.schema import ClipRow
from egoexobench.data.table_io import FORMATS
from egoexobench.errors import DataError, UsageError
from egoexobench.files import write_text_atomic
from egoexobench.values import SPLITS, Split, View

MEDIA = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")
SHARES: Mapping[Split, float] = {"test": 0.2, "val": 0.1}
"""Of the takes, rounded, and at least one where there are three; the rest is train."""

_MARK = re.compile(r"(?<![a-z])(ego|exo)(\d*)(?![a-z])", re.IGNORECASE)
_LAST = re.compile(r"(.+)EGO")
"""CharadesEgo's way: the ego file of `NAME` is `NAMEEGO`."""


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file and the pair and view that its name tells."""

    path: Path
    pair: str
    view: View
    take: str


@dataclass(frozen=True, slots=True)
class InitResult:
    """What was written, and the files that are in no pair with the reason."""

    path: Path
    num_pairs: Mapping[Split, int]
    num_empty_narrations: int
    """How many cells are still empty."""
    unpaired: Sequence[tuple[str, str]] = field(default=())


def init_manifest(root: Path, *, seed: int = 0, force: bool = False) -> InitResult:
    """Write `clips.csv` for a folder.

    A pair's name is the path of its files without what tells the view: `ego` or `exo`, with a
    number or not, between other characters than letters, or `EGO` at the very end. A file without
    either is the exo file of one that has `EGO` at the end. Clips in one sub-folder are one take.
    The narration of `NAME.mp4` is the text of `NAME.txt`, and empty where there is none.

    Args:
        root: the folder.
        seed: of the splits; a take's place in the draw is a hash of its name.
        force: whether to write over an earlier table.

    Raises:
        UsageError: if there is a table already.
        DataError: if there is no pair, or the table cannot be written.
    """
    path = root / "clips.csv"
    for other in (root / f"clips{suffix}" for suffix in FORMATS):
        if other.exists() and not (force and other == path):
            advice = "--force writes over it" if other == path else "remove it first"
            raise UsageError(f"{root} holds {other.name} already; {advice}")
    shots, left = _shots(root)
    pairs = _pairs(root, shots, left)
    if not pairs:
        raise DataError(
            f"{root} holds no pair: {len(shots)} files whose name tells a view, "
            f"{len(left)} others; name them like take1_ego.mp4 and take1_exo.mp4"
        )
    splits = assign_splits([ego.take for ego, _ in pairs], seed)
    rows = [_row(root, shot, splits[shot.take]) for pair in pairs for shot in pair]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(ClipRow.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text_atomic(path, text.getvalue())
    counts = {split: sum(splits[ego.take] == split for ego, _ in pairs) for split in SPLITS}
    return InitResult(path, counts, sum(not row["narration"] for row in rows), left)


def assign_splits(takes: Sequence[str], seed: int) -> dict[str, Split]:
    """Give each take a split; the same takes and seed give the same splits in any order."""
    names = sorted(set(takes), key=lambda take: hashlib.sha256(f"{seed}/{take}".encode()).digest())
    splits: dict[str, Split] = dict.fromkeys(names, "train")
    place = 0
    for split, share in SHARES.items():
        count = max(round(share * len(names)), 1 if len(names) > 2 else 0)
        splits |= dict.fromkeys(names[place : place + count], split)
        place += count
    return splits


def _shots(root: Path) -> tuple[list[MediaFile], list[tuple[str, str]]]:
    files = sorted(p for p in root.rglob("*") if p.suffix.lower() in MEDIA and p.is_file())
    suffixed = {_bare(m[1]) for p in files if (m := _LAST.fullmatch(_name(root, p)))}
    shots: list[MediaFile] = []
    left: list[tuple[str, str]] = []
    for path in files:
        found = _read(_name(root, path), suffixed)
        if isinstance(found, str):
            left.append((path.relative_to(root).as_posix(), found))
        else:
            pair, view = found
            pair = pair or root.resolve().name
            shots.append(MediaFile(path, pair, view, pair.rpartition("/")[0] or pair))
    return shots, left


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).with_suffix("").as_posix()


def _bare(name: str) -> str:
    return name.rstrip("_-. /")


def _read(name: str, suffixed: set[str]) -> tuple[str, View] | str:
    """The pair and view that a name tells, or why it tells none."""
    if found := _LAST.fullmatch(name):
        return _unmarked(_bare(found[1])), "ego"
    views = {mark[1].lower() for mark in _MARK.finditer(name)}
    if views == {"ego"}:
        return _unmarked(name), "ego"
    if views == {"exo"}:
        return _unmarked(name), "exo"
    if not views and name in suffixed:
        return name, "exo"
    return "its name tells both views" if views else "its name tells no view"


def _unmarked(name: str) -> str:
    """A name without its marks, and with one separator where a mark stood between two."""
    while mark := _MARK.search(name):
        before, after = name[: mark.start()], name[mark.end() :]
        if before and not before.endswith("/"):
            name = _bare(before) + after
        else:
            name = before + after.lstrip("_-. /")
    return name.rstrip("/")


def _pairs(
    root: Path, shots: Sequence[MediaFile], left: list[tuple[str, str]]
) -> list[tuple[MediaFile, MediaFile]]:
    """The first ego and exo file of each name; a pair has one of each, so others are left out."""
    groups: dict[str, dict[View, list[MediaFile]]] = {}
    for shot in shots:
        groups.setdefault(shot.pair, {"ego": [], "exo": []})[shot.view].append(shot)
    pairs = []
    for name, group in groups.items():
        ego, exo = group["ego"], group["exo"]
        if ego and exo:
            pairs.append((ego[0], exo[0]))
            spare, reason = [*ego[1:], *exo[1:]], f"pair {name!r} has that view already"
        else:
            spare, reason = [*ego, *exo], f"{name!r} has no file of the other view"
        left += [(shot.path.relative_to(root).as_posix(), reason) for shot in spare]
    return pairs


def _row(root: Path, shot: MediaFile, split: Split) -> dict[str, str]:
    return {
        "pair": shot.pair,
        "view": shot.view,
        "split": split,
        "media": shot.path.relative_to(root).as_posix(),
        "narration": " ".join(_sidecar(shot.path)),
        "take": shot.take if shot.take != shot.pair else "",
    }


def _sidecar(path: Path) -> Iterator[str]:
    text = path.with_suffix(".txt")
    if text.is_file():
        try:
            yield from text.read_text(encoding="utf-8-sig").split()
        except UnicodeDecodeError as error:
            raise DataError(f"cannot read {text}: it is no UTF-8 text ({error.reason})") from error
