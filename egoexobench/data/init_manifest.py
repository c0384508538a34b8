"""Create a table of clips from a folder of media files: pairs by file name, splits by take."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from egoexobench.data.media_folder import FolderListing, compose_name, list_media_folder
from egoexobench.data.schema import ClipRow
from egoexobench.data.table_io import FORMATS
from egoexobench.data.view_names import collect_ego_names, parse_view_name
from egoexobench.errors import DataError, UsageError
from egoexobench.files import write_text_atomic
from egoexobench.types import SPLITS, VIEWS, Split, View

TABLE_NAME = "clips.csv"
SPLIT_SHARES: Mapping[Split, float] = {"test": 0.2, "val": 0.1}
"""Share of the takes, rounded, and at least one if there are three takes; the rest is train."""


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A media file, with the activity, the view and the camera that its name states."""

    path: Path
    group: str
    view: View
    camera: str
    take: str


@dataclass(frozen=True, slots=True)
class FilePair:
    """An ego file and an exo file of one activity."""

    id: str
    ego: MediaFile
    exo: MediaFile


@dataclass(frozen=True, slots=True)
class InitResult:
    """The table that was written, and every file that is not in it, each with the reason."""

    path: Path
    num_pairs: Mapping[Split, int]
    media_without_narration: Sequence[str]
    """Files whose narration is empty, as the table names them, each once."""
    num_groups: int
    """Activities: files whose names differ in the camera alone."""
    num_groups_by_camera: Mapping[str, int]
    """Activities of which a camera has a file."""
    unpaired: Sequence[tuple[str, str]] = field(default=())
    is_usable: bool = True
    """Whether the data set `folder` can read the table where it is."""


@dataclass(frozen=True, slots=True)
class _PairingResult:
    pairs: list[FilePair]
    unpaired: list[tuple[str, str]]


def create_manifest(
    root: Path, *, seed: int = 0, force: bool = False, out: Path | None = None
) -> InitResult:
    """Write `clips.csv` for a folder of media files.

    Files are views of one activity if their paths differ in the mark of the view alone: `ego` or
    `exo`, optionally with a number, not next to other letters, `EGO` at the very end, or a camera
    of Ego-Exo4D such as `aria01` or `cam02`. A file without a mark is the exo file of one with
    `EGO` at the end. Each ego file makes a pair with each exo file. Clips in one subfolder belong
    to one take. The narration of `NAME.mp4` is the text of `NAME.txt`, or that of the path without
    the mark, and empty if there is no such file. Names that differ only in how Unicode composes
    their letters are one name.

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
    pairs = pairing.pairs
    splits = assign_splits([pair.ego.take for pair in pairs], seed)
    is_above = root.resolve().is_relative_to(path.parent.resolve())
    base = path.parent if is_above else root
    rows = [
        _make_row(base, pair, file, split=splits[pair.ego.take], listing=listing)
        for pair in pairs
        for file in (pair.ego, pair.exo)
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(ClipRow.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text_atomic(path, text.getvalue())
    files = {file for pair in pairs for file in (pair.ego, pair.exo)}
    narrations = (_find_text(file, listing) for file in files)
    used_texts = {narration for narration in narrations if narration}
    return InitResult(
        path=path,
        num_pairs={s: sum(splits[pair.ego.take] == s for pair in pairs) for s in SPLITS},
        media_without_narration=list(
            dict.fromkeys(row["media"] for row in rows if not row["narration"])
        ),
        num_groups=len({file.group for file in files}),
        num_groups_by_camera=Counter(sorted(file.camera for file in files)),
        unpaired=[*pairing.unpaired, *listing.list_others(used_texts, path)],
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
        first = f"; of {unpaired[0][0]}, {unpaired[0][1]}" if unpaired else ""
        raise DataError(
            f"no pair in {root}: {len(files)} files have a view in their names, {len(unmarked)} do "
            f"not{first}; name them like take1_ego.mp4 and take1_exo.mp4, or take1/ego.mp4 and "
            "take1/exo1.mp4"
        )
    return _PairingResult(pairs, unmarked + unpaired)


def _find_media(root: Path, paths: Sequence[Path]) -> tuple[list[MediaFile], list[tuple[str, str]]]:
    """Return the files whose names state a view, and the other files with the reason."""
    stems = [compose_name(path.relative_to(root).with_suffix("")) for path in paths]
    ego_names = collect_ego_names(stems)
    files: list[MediaFile] = []
    unmarked: list[tuple[str, str]] = []
    for path, stem in zip(paths, stems, strict=True):
        name = parse_view_name(stem, ego_names)
        if isinstance(name, str):
            unmarked.append((path.relative_to(root).as_posix(), name))
            continue
        group = name.group.strip() or root.resolve().name
        take = group if name.is_camera_alone else group.rpartition("/")[0] or group
        files.append(MediaFile(path, group, view=name.view, camera=name.camera, take=take))
    return files, unmarked


def _match_views(
    root: Path, files: Sequence[MediaFile]
) -> tuple[list[FilePair], list[tuple[str, str]]]:
    """Return each ego file with each exo file of its group, and the other files with the reason."""
    groups: dict[str, dict[str, MediaFile]] = {}
    pairs: list[FilePair] = []
    unpaired: list[tuple[MediaFile, str]] = []
    for file in files:
        first = groups.setdefault(file.group, {}).setdefault(file.camera, file)
        if first is not file:
            unpaired.append((file, f"{file.group!r} has a file of {file.camera} already"))
    marked_views = [view for view in VIEWS if _has_many_cameras(groups.values(), view)]
    for group, cameras in groups.items():
        ego, exo = (_select_view(cameras, view) for view in VIEWS)
        if not ego or not exo:
            reason = f"{group!r} has no file of the other view"
            unpaired += [(file, reason) for file in cameras.values()]
        for pair in product(ego, exo):
            marks = [file.camera for file in pair if file.view in marked_views]
            pairs.append(FilePair("-".join([group, *marks]), *pair))
    return pairs, [(file.path.relative_to(root).as_posix(), reason) for file, reason in unpaired]


def _has_many_cameras(groups: Iterable[Mapping[str, MediaFile]], view: View) -> bool:
    """Whether the ids of all pairs name the camera of a view: some activity has several."""
    return any(len(_select_view(cameras, view)) > 1 for cameras in groups)


def _select_view(cameras: Mapping[str, MediaFile], view: View) -> list[MediaFile]:
    return [file for file in cameras.values() if file.view == view]


def _make_row(
    base: Path, pair: FilePair, file: MediaFile, split: Split, listing: FolderListing
) -> dict[str, str]:
    media = file.path.resolve().relative_to(base.resolve()).as_posix()
    take = pair.ego.take
    return {
        "pair": pair.id,
        "view": file.view,
        "split": split,
        # a reader strips blanks at the ends of a cell
        "media": media if media == media.strip() else f"./{media}",
        "narration": _read_narration(_find_text(file, listing)),
        "take": take if take != pair.id else "",
        "camera": file.camera,
    }


def _find_text(file: MediaFile, listing: FolderListing) -> Path | None:
    """Return the text of a file, or that of all views of its activity."""
    group_text = listing.texts.get(compose_name(listing.root / file.group))
    return listing.texts.get(compose_name(file.path.with_suffix("")), group_text)


def _read_narration(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return " ".join(path.read_text(encoding="utf-8-sig").replace("\0", " ").split())
    except UnicodeDecodeError as error:
        raise DataError(f"cannot read {path}: it is not UTF-8 text ({error.reason})") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
