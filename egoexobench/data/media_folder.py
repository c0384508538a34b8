"""The files of a folder: media, texts beside them, and all others with the reason."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MEDIA_SUFFIXES = frozenset(
    ".mp4 .m4v .mov .qt .mkv .webm .avi .mts .m2ts .m2t .ts .mpg .mpeg .mpe .mp2 .m2v .vob .mod "
    ".tod .wmv .asf .3gp .3g2 .flv .f4v .ogv .ogg .mxf .dv .dav .insv .lrv .360".split()
)
"""Of phones, camcorders, action and surveillance cameras and browsers, in lower case."""
TEXT_SUFFIX = ".txt"
APPLE_DOUBLE = "._"
"""Start of the name of a file in which a Mac keeps the attributes of another one."""


@dataclass(frozen=True, slots=True)
class FolderListing:
    """Every file of a folder and of its subfolders."""

    root: Path
    media: Sequence[Path]
    texts: Mapping[str, Path]
    """Texts by the path without the suffix, as `compose_name` returns it."""
    others: Sequence[tuple[str, str]]
    """What is neither, with the reason."""

    def list_others(self, used_texts: Collection[Path], table: Path) -> Iterator[tuple[str, str]]:
        """Yield what is not media, and texts without a clip in the table, with the reason."""
        for path in self.texts.values():
            if path not in used_texts:
                yield path.relative_to(self.root).as_posix(), "no clip has this narration"
        for name, reason in self.others:
            if self.root / name != table:
                yield name, reason


def list_media_folder(root: Path) -> FolderListing:
    """Return the files of a folder by kind; links to folders are not followed."""
    media: list[Path] = []
    texts: dict[str, Path] = {}
    others: list[tuple[str, str]] = []
    for path, problem in _iter_files(root):
        reason = problem or _find_reason(path)
        if reason:
            others.append((path.relative_to(root).as_posix(), reason))
        elif path.suffix.lower() == TEXT_SUFFIX:
            texts[compose_name(path.with_suffix(""))] = path
        else:
            media.append(path)
    return FolderListing(root, media, texts, others)


def compose_name(path: Path) -> str:
    """Return a path with composed letters: a Mac writes é as e and an accent, others as é."""
    return unicodedata.normalize("NFC", path.as_posix())


def _iter_files(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield every file in the order of names, and every folder that is not read with the reason."""
    problems: list[tuple[Path, str]] = []
    files: list[tuple[Path, str]] = []

    def record_problem(error: OSError) -> None:
        problems.append((Path(error.filename), f"cannot be read: {error.strerror}"))

    for folder, folders, names in os.walk(root, onerror=record_problem):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        problems += [(Path(folder, name), "a link to a folder is not followed") for name in links]
        files += [(Path(folder, name), "") for name in names]
    yield from sorted(files + problems)


def _find_reason(path: Path) -> str:
    """Return why a file is left out; empty for media and for texts."""
    suffix = path.suffix.lower()
    if not _is_utf8(path):
        return "its name is not UTF-8 text"
    if path.name.startswith(APPLE_DOUBLE):
        return "attributes of another file, written by a Mac"
    if not path.is_file():
        return "it is not a file, or a link to nothing"
    if suffix not in MEDIA_SUFFIXES and suffix != TEXT_SUFFIX:
        return f"{suffix or 'no suffix'} is not the suffix of a film"
    return ""


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
