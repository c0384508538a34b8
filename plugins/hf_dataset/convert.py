"""Writes a table of rows with videos as a folder of clips: each medium once, named by content."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from egoexobench.errors import DataError, notify
from egoexobench.toolbox.storage import atomic_path, cache_dir, hash_json, write_text_atomic
from egoexobench_plugins.hf_dataset.columns import ColumnNames, iter_clips, read_name
from egoexobench_plugins.hf_dataset.tables import find_folder, open_tables

TABLE = "clips.jsonl"
SIZES = "sizes.json"
"""Size of the table and of each media file; it is written last."""
MEDIA = "media"
VERSION = 1
"""It changes when a row is written in another way."""
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")
_DEFAULT_SUFFIX = ".mp4"


def convert_dataset(
    path: str,
    columns: ColumnNames,
    splits: Mapping[str, str],
    *,
    config: str | None,
    revision: str | None,
) -> Path:
    """Return a folder in the folder format with the rows and media of a data set.

    It is written once into the cache, and again if a file of the data set has changed, or one in
    the cache is missing or of another size.

    Args:
        path: a folder, or ``ORG/NAME`` of the hub.
        columns: what each column is for.
        splits: name of each split in the data set, by our name.
        config: configuration of the data set.
        revision: commit of the hub.

    Raises:
        UsageError: for an option that is not valid.
        DataError: if the data set cannot be read.
    """
    columns.check()
    source = find_folder(path, revision)
    states = _list_file_states(source)
    key = hash_json([VERSION, str(source), states, asdict(columns), dict(splits), config])
    folder = cache_dir() / "hf-datasets" / key
    if _is_complete(folder):
        return folder
    num_bytes = sum(size for _, size, *_ in states)
    notify(f"reading {path}, {num_bytes / 1e6:,.1f} MB; its videos are written to {folder}")
    sizes: dict[str, int] = {}
    lines: list[str] = []
    row_of_id: dict[str, str] = {}
    for split, table in open_tables(source, splits, columns, config).items():
        number = -1
        for number, row in enumerate(table.iter_rows(columns)):
            location = f"split {splits[split]!r}, row {number}"
            try:
                row_id = f"{split}-{number}" if columns.id is None else read_name(row, columns.id)
                if row_id is None:
                    raise DataError(f"column {columns.id!r} has no id")
                if row_id in row_of_id:
                    raise DataError(f"the id {row_id!r} stands in {row_of_id[row_id]} already")
                row_of_id[row_id] = location
                for clip in iter_clips(row, row_id, columns):
                    clip["split"] = split
                    clip["media"] = _store_media(folder, source, clip.pop("video"), sizes)
                    lines.append(json.dumps(clip, ensure_ascii=False) + "\n")
            except DataError as error:
                raise DataError(f"{path}, {location}: {error}") from error
        if number < 0:
            raise DataError(f"{path}: split {splits[split]!r} has no rows")
    write_text_atomic(folder / TABLE, "".join(lines))
    sizes[TABLE] = (folder / TABLE).stat().st_size
    write_text_atomic(folder / SIZES, json.dumps(sizes))
    return folder


def _list_file_states(source: Path) -> list[tuple[str, int, int, int]]:
    """Return name, size and both times of each file; any change of a file changes its state."""
    states = []
    for file in sorted(source.rglob("*")):
        if file.is_file():
            stat = file.stat()
            name = file.relative_to(source).as_posix()
            states.append((name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
    return states


def _is_complete(folder: Path) -> bool:
    try:
        sizes: dict[str, int] = json.loads((folder / SIZES).read_text(encoding="utf-8"))
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def _store_media(folder: Path, source: Path, value: Any, sizes: dict[str, int]) -> str:
    """Write the content of a video once for all tables, and return its path in the folder."""
    content, suffix = _read_media(source, value)
    name = f"{hashlib.sha256(content).hexdigest()[:32]}{suffix}"
    path = f"{MEDIA}/{name}"
    if path not in sizes:
        stored = folder.parent / MEDIA / name
        if not _has_size(stored, len(content)):
            with atomic_path(stored) as tmp_path:
                tmp_path.write_bytes(content)
                if tmp_path.stat().st_size != len(content):
                    raise DataError(f"{stored} was not written completely")
        with atomic_path(folder / path, flush=False) as tmp_path:
            _link_file(stored, tmp_path)
    sizes[path] = len(content)
    return path


def _link_file(stored: Path, target: Path) -> None:
    """Let two names have one content, or copy it where the file system has no such links."""
    try:
        os.link(stored, target)
    except OSError:
        shutil.copyfile(stored, target)


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _read_media(source: Path, value: Any) -> tuple[bytes, str]:
    """Return the bytes of a video and a suffix: of bytes, of a path, or of both by name."""
    content = value if isinstance(value, bytes) else None
    path = value if isinstance(value, str) else ""
    if isinstance(value, dict):
        content, path = value["bytes"], value["path"] or ""
    suffix = Path(path).suffix.lower()
    if content is None:
        content = _find_media(source, path).read_bytes()
    if not content:
        raise DataError("a video has no bytes")
    return content, suffix if _SUFFIX.fullmatch(suffix) else _DEFAULT_SUFFIX


def _find_media(source: Path, path: str) -> Path:
    """Return a file inside of the folder of the data set; links may not leave it."""
    try:
        file = (source / path).resolve()
        is_inside = bool(path) and file.is_relative_to(source) and file.is_file()
    except (OSError, ValueError):  # too long, or with a zero byte
        is_inside = False
    if not is_inside:
        raise DataError(f"the video {path!r} is not a file in {source}")
    return file
