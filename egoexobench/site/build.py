"""Builds the files of the site, writes them, and compares them with those on disk."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING

from egoexobench.data.media_files import copy_media_file
from egoexobench.errors import DataError
from egoexobench.files import replaced_folder
from egoexobench.records.store import SITE_MANIFEST, pause_garbage_collection
from egoexobench.site.about_page import make_about_pages
from egoexobench.site.board_page import make_board_pages
from egoexobench.site.compare_page import make_compare_pages
from egoexobench.site.data_page import make_data_pages
from egoexobench.site.environment import CONTENT_POLICY, SiteFrame, render_site_page
from egoexobench.site.query_page import make_query_pages
from egoexobench.site.reported_page import make_reported_pages
from egoexobench.site.run_index_page import make_run_index_pages
from egoexobench.site.run_page import make_run_pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from egoexobench.site.inputs import SiteInputs
    from egoexobench.site.page import Page

STATIC = Path(__file__).with_name("static")
PAGE_MAKERS: tuple[Callable[[SiteInputs], list[Page]], ...] = (
    make_board_pages,
    make_reported_pages,
    make_run_index_pages,
    make_run_pages,
    make_compare_pages,
    make_query_pages,
    make_data_pages,
    make_about_pages,
)
"""Every kind of page."""
NAVIGATION = (
    ("Leaderboard", "index.html"),
    ("Reported", "reported.html"),
    ("Runs", "runs/index.html"),
    ("Compare", "compare/index.html"),
    ("Queries", "queries/index.html"),
    ("Data", "data/index.html"),
    ("About", "about.html"),
)
"""The head of every page links those of these pages that the site has."""
NO_MEDIA: Mapping[str, str] = MappingProxyType({})
GENERATOR = "egoexobench site build"


@pause_garbage_collection()
def render_site(
    inputs: SiteInputs,
    *,
    scripts: Mapping[str, bytes] | None = None,
    content_policy: str = CONTENT_POLICY,
) -> dict[str, bytes]:
    """Return every file of the site by its path; the same inputs give the same bytes.

    Args:
        inputs: what the pages show.
        scripts: further scripts that every page loads, by name.
        content_policy: what a browser may load for a page.

    Raises:
        DataError: if ids of runs make two pages of one path.
    """
    pages = [page for make_pages in PAGE_MAKERS for page in make_pages(inputs)]
    static = {path.name: path.read_bytes() for path in sorted(STATIC.iterdir()) if path.is_file()}
    static |= scripts or {}
    names = {name: _make_static_path(name, content) for name, content in static.items()}
    paths = {page.path for page in pages}
    frame = SiteFrame(
        static=names,
        navigation=tuple(entry for entry in NAVIGATION if entry[1] in paths),
        version=version("egoexobench"),
        content_policy=content_policy,
        scripts=("site.js", *(scripts or {})),
    )
    if twice := [
        path for path, number in Counter(page.path for page in pages).items() if number > 1
    ]:
        raise DataError(f"two pages have the path {twice[0]}: leave out one of the runs they show")
    files = {page.path: render_site_page(page, frame).encode() for page in pages}
    return files | {names[name]: content for name, content in static.items()}


def list_media(inputs: SiteInputs) -> dict[str, str]:
    """Return the media file to copy to each path of the site."""
    return {path: name for dataset in inputs.datasets for path, name in dataset.media.files.items()}


def write_site(files: Mapping[str, bytes], out: Path, media: Mapping[str, str] = NO_MEDIA) -> None:
    """Write the files beside the site and put them in its place: an error leaves the old site.

    Args:
        files: result of `render_site`.
        out: folder of the site; it is new, empty or a site that `write_site` wrote.
        media: result of `list_media`.

    Raises:
        DataError: if the folder holds a file that no site has written.
        WriteError: if the machine refuses to write it.
    """
    check_replaceable(out)
    with replaced_folder(out.absolute()) as draft:
        for name, content in files.items():
            path = draft / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        for name, source in media.items():
            path = draft / name
            path.parent.mkdir(parents=True, exist_ok=True)
            copy_media_file(source, path)
        (draft / SITE_MANIFEST).write_bytes(_format_manifest([*files, *media]))


def check_site(files: Mapping[str, bytes], out: Path, media: Mapping[str, str] = NO_MEDIA) -> None:
    """Compare every file with the site on disk; media must be there.

    Raises:
        DataError: with the files that differ.
    """
    outdated = [
        name
        for name, content in {**files, SITE_MANIFEST: _format_manifest([*files, *media])}.items()
        if not (out / name).is_file() or (out / name).read_bytes() != content
    ]
    outdated += sorted((_list_files(out) ^ media.keys()) - files.keys() - {SITE_MANIFEST})
    if outdated:
        listed = ", ".join(outdated[:5]) + (" and others" if len(outdated) > 5 else "")
        raise DataError(
            f"outdated in {out}: {listed}; run `{GENERATOR}` with the same arguments to write it "
            "again"
        )


def check_replaceable(out: Path) -> None:
    """Check that a folder is new, empty, or holds nothing but a site.

    Raises:
        DataError: with a file that would be lost.
    """
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise DataError(f"{out} is no folder: name a new one with --out")
    if Path.cwd().is_relative_to(os.path.realpath(out)):
        raise DataError(f"{out} contains the current folder: name another one with --out")
    foreign = _list_files(out) - _read_manifest(out)
    if foreign:
        raise DataError(
            f"{out} holds {min(foreign)}, which `{GENERATOR}` did not write: move it, or name "
            "another folder with --out"
        )


def _make_static_path(name: str, content: bytes) -> str:
    path, digest = PurePosixPath(name), hashlib.sha256(content).hexdigest()[:10]
    return f"static/{path.stem}-{digest}{path.suffix}"


def _list_files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }


def _format_manifest(files: Iterable[str]) -> bytes:
    fields = {"schema_version": 1, "generator": GENERATOR, "files": sorted(files)}
    return (json.dumps(fields, indent=1) + "\n").encode()


def _read_manifest(folder: Path) -> set[str]:
    """Return the files that a site says it has, and its manifest; nothing for another folder."""
    try:
        fields = json.loads((folder / SITE_MANIFEST).read_bytes())
        is_site = fields["schema_version"] == 1 and fields["generator"] == GENERATOR
        return {SITE_MANIFEST, *map(str, fields["files"])} if is_site else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()
