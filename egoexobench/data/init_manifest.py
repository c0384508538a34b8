"""Create a table of clips from a folder of media files: pairs by file name, splits by take."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from egoexobench.data.media_folder import FolderListing, compose_name, list_media_folder
from egoexobench.data.schema import ClipRow
from egoexobench.data.table_io import FORMATS
from egoexobench.errors import DataError, UsageError
from egoexobench.files import write_text_atomic
from egoexobench.types import SPLITS, Split, View

TABLE_NAME = "clips.csv"
SPLIT_SHARES: Mapping[Split, float] = {"test": 0.2, "val": 0.1}
"""Share of the takes, rounded, and at least one if there are three takes; the rest is train."""

_VIEW_MARK = re.compile(r"(?<![a-z])(ego|exo)(\d*)(?![a-z])", re.IGNORECASE)
_EGO_SUFFIX = re.compile(r"(.+)EGO")
"""As in CharadesEgo: the ego file of `NAME` is `NAMEEGO`."""


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A media file, with the pair and the view that its name states."""

    path: Path
    pair: str
    view: View
    take: str


@dataclass(frozen=True, slots=True)
class InitResult:
    """The table that was written, and every file that is not in it, each with the reason."""

    path: Path
    num_pairs: Mapping[Split, int]
    num_empty_narrations: int
    unpaired: Sequence[tuple[str, str]] = field(default=())
    is_usable: bool = True
    """Whether the data set `folder` can read the table where it is."""


@dataclass(frozen=True, slots=True)
class _PairingResult:
    pairs: list[tuple[MediaFile, MediaFile]]
    unpaired: list[tuple[str, str]]


def create_manifest(
    root: Path, *, seed: int = 0, force: bool = False, out: Path | None = None
) -> InitResult:
    """Write `clips.csv` for a folder of media files.

    The id of a pair is the path of its files without the mark of the view: `ego` or `exo`,
    optionally with a number, not next to other letters, or `EGO` at the very end. A file without a
    mark is the exo file of one with `EGO` at the end. Clips in one subfolder belong to one take.
    The narration of `NAME.mp4` is the text of `NAME.txt`, and empty if there is no such file. Names
    that differ only in how Unicode composes their letters are one name.

    Args:
        root: the folder.
        seed: seed of the split assignment.
        force: overwrite an existing `clips.csv`.
        out: the table to write, or a folder for `clips.csv`; None: the folder of the media. A
            table names media in its own folder. Where the media are not in the folder of ``out``,
            the paths are those in ``root``, and the table is a draft for that folder.

    Raises:
        UsageError: if there is a table already, or ``out`` is no CSV file and no folder.
        DataError: if there is no pair, or the table cannot be written.
    """
    path = _choose_table_path(root, out)
    _check_no_table(path, force=force)
    listing = list_media_folder(root)
    pairing = _find_pairs(root, listing)
    splits = assign_splits([ego.take for ego, _ in pairing.pairs], seed)
    is_above = root.resolve().is_relative_to(path.parent.resolve())
    base = path.parent if is_above else root
    rows = [
        _make_row(base, file, splits[file.take], listing.texts)
        for pair in pairing.pairs
        for file in pair
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(ClipRow.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text_atomic(path, text.getvalue())
    used = {file.path for pair in pairing.pairs for file in pair}
    return InitResult(
        path=path,
        num_pairs={s: sum(splits[ego.take] == s for ego, _ in pairing.pairs) for s in SPLITS},
        num_empty_narrations=sum(not row["narration"] for row in rows),
        unpaired=[*pairing.unpaired, *listing.list_others(used, path)],
        is_usable=is_above and path.name == TABLE_NAME,
    )


def assign_splits(takes: Sequence[str], seed: int) -> dict[str, Split]:
    """Assign each take to a split, whatever the order of the takes."""
    names = sorted(set(takes), key=lambda take: hashlib.sha256(f"{seed}/{take}".encode()).digest())
    splits: dict[str, Split] = dict.fromkeys(names, "train")
    start = 0
    for split, share in SPLIT_SHARES.items():
        count = max(round(share * len(names)), 1 if len(names) > 2 else 0)
        splits |= dict.fromkeys(names[start : start + count], split)
        start += count
    return splits


def _choose_table_path(root: Path, out: Path | None) -> Path:
    """Return the file to write.

    Raises:
        UsageError: if ``out`` is neither a CSV file nor a folder that exists.
    """
    folder = root if out is None else out
    if folder.is_dir():
        return folder / TABLE_NAME
    if folder.suffix != ".csv":
        raise UsageError(f"--out {folder} must end with .csv or be a folder that exists")
    return folder


def _check_no_table(path: Path, *, force: bool) -> None:
    for table in (path.with_suffix(suffix) for suffix in FORMATS):
        if table.exists() and not (force and table == path):
            advice = "use --force to overwrite it" if table == path else "remove it first"
            raise UsageError(f"{path.parent} already contains {table.name}; {advice}")


def _find_pairs(root: Path, listing: FolderListing) -> _PairingResult:
    files, unmarked = _find_media(root, listing.media)
    pairs, unpaired = _match_views(root, files)
    if not pairs:
        raise DataError(
            f"no pair in {root}: {len(files)} files have a view in their names, {len(unmarked)} do "
            "not; name them like take1_ego.mp4 and take1_exo.mp4"
        )
    return _PairingResult(pairs, unmarked + unpaired)


def _find_media(root: Path, paths: Sequence[Path]) -> tuple[list[MediaFile], list[tuple[str, str]]]:
    """Return the files whose names state a view, and the other files with the reason."""
    matches = [_EGO_SUFFIX.fullmatch(_get_stem(root, path)) for path in paths]
    with_ego_suffix = {_strip_separators(match[1]) for match in matches if match}
    files: list[MediaFile] = []
    unmarked: list[tuple[str, str]] = []
    for path in paths:
        stem = _get_stem(root, path)
        view = _find_view(stem, with_ego_suffix)
        if view is None:
            both = "both views" if _VIEW_MARK.search(stem) else "no view"
            unmarked.append((path.relative_to(root).as_posix(), f"its name contains {both}"))
            continue
        pair = _strip_view_marks(stem).strip() or root.resolve().name
        files.append(MediaFile(path, pair, view, pair.rpartition("/")[0] or pair))
    return files, unmarked


def _get_stem(root: Path, path: Path) -> str:
    return compose_name(path.relative_to(root).with_suffix(""))


def _strip_separators(name: str) -> str:
    return name.rstrip("_-. /")


def _find_view(stem: str, with_ego_suffix: set[str]) -> View | None:
    """Return the view that a name states; None if it states none or both."""
    if _EGO_SUFFIX.fullmatch(stem):
        return "ego"
    views = {mark[1].lower() for mark in _VIEW_MARK.finditer(stem)}
    if views == {"ego"}:
        return "ego"
    if views == {"exo"} or (not views and stem in with_ego_suffix):
        return "exo"
    return None


def _strip_view_marks(stem: str) -> str:
    """Remove the view marks from a name; one separator stays where a mark was between two."""
    if match := _EGO_SUFFIX.fullmatch(stem):
        stem = _strip_separators(match[1])
    while mark := _VIEW_MARK.search(stem):
        before, after = stem[: mark.start()], stem[mark.end() :]
        if before and not before.endswith("/"):
            stem = _strip_separators(before) + after
        else:
            stem = before + after.lstrip("_-. /")
    return stem.rstrip("/")


def _match_views(
    root: Path, files: Sequence[MediaFile]
) -> tuple[list[tuple[MediaFile, MediaFile]], list[tuple[str, str]]]:
    """Return the first ego and exo file of each pair id, and the other files with the reason."""
    groups: dict[str, dict[View, list[MediaFile]]] = {}
    for file in files:
        groups.setdefault(file.pair, {"ego": [], "exo": []})[file.view].append(file)
    pairs, unpaired = [], []
    for name, group in groups.items():
        ego, exo = group["ego"], group["exo"]
        if ego and exo:
            pairs.append((ego[0], exo[0]))
            spare, reason = [*ego[1:], *exo[1:]], f"pair {name!r} has that view already"
        else:
            spare, reason = [*ego, *exo], f"{name!r} has no file of the other view"
        unpaired += [(file.path.relative_to(root).as_posix(), reason) for file in spare]
    return pairs, unpaired


def _make_row(
    folder: Path, file: MediaFile, split: Split, texts: Mapping[str, Path]
) -> dict[str, str]:
    media = file.path.resolve().relative_to(folder.resolve()).as_posix()
    return {
        "pair": file.pair,
        "view": file.view,
        "split": split,
        # a reader strips blanks at the ends of a cell
        "media": media if media == media.strip() else f"./{media}",
        "narration": _read_narration(texts.get(compose_name(file.path.with_suffix("")))),
        "take": file.take if file.take != file.pair else "",
    }


def _read_narration(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return " ".join(path.read_text(encoding="utf-8-sig").replace("\0", " ").split())
    except UnicodeDecodeError as error:
        raise DataError(f"cannot read {path}: it is not UTF-8 text ({error.reason})") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
