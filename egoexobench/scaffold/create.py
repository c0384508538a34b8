"""Writes a distribution from the template, which is one itself: its names are replaced."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

from egoexobench.files import atomic_folder
from egoexobench.scaffold.distribution_name import normalize_name, to_module_name

LICENSES = ("MIT", "Apache-2.0", "BSD-3-Clause")
"""SPDX identifiers; the first is the default."""
TEMPLATE = Path(__file__).parent / "template"
TEMPLATE_NAME, TEMPLATE_MODULE = "my-plugin", "my_plugin"
_NEW_PATHS = {
    "ci.yml": ".github/workflows/ci.yml",
    "gitignore.txt": ".gitignore",
    "ruff.txt": "ruff.toml",  # under its own name it would count for the template
}
_KIND_LINE = re.compile(rf"\b{TEMPLATE_MODULE}[./]([a-z]+)\b")
"""A line that names the module of a kind, in a file that holds lines for all kinds."""
_KIND_FILE = re.compile(r"(?:src/my_plugin/|tests/test_)([a-z]+)\.py")


def create_distribution(
    name: str, kinds: Collection[str], *, license_name: str = LICENSES[0], out: Path | None = None
) -> Path:
    """Write a distribution with a working part of each kind, and return its folder.

    Args:
        name: of the distribution, its package and its parts, in any spelling that PyPI accepts.
        kinds: kinds of parts.
        license_name: one of `LICENSES`.
        out: the folder; by default the name, in the working folder.

    Raises:
        UsageError: for a name that cannot be used.
        DataError: if the folder is not empty.
    """
    normalized = normalize_name(name)
    folder = out or Path(normalized)
    with atomic_folder(folder, "choose another folder with --out") as draft:
        for path, text in _iter_files(kinds, license_name):
            target = draft / _replace_names(path, normalized)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_replace_names(text, normalized), encoding="utf-8", newline="\n")
    return folder


def _iter_files(kinds: Collection[str], license_name: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of each file that a distribution of some kinds gets."""
    for file in sorted(path for path in TEMPLATE.rglob("*") if path.is_file()):
        path = file.relative_to(TEMPLATE).as_posix()
        kind_file = _KIND_FILE.fullmatch(path)
        if "__pycache__" in path or (kind_file is not None and kind_file[1] not in kinds):
            continue
        if path.startswith("licenses/"):
            if file.stem != license_name:
                continue
            path = "LICENSE"
        text = file.read_text(encoding="utf-8")
        if file.suffix != ".py":
            text = text.replace('license = "MIT"', f'license = "{license_name}"')
            text = text.replace("YEAR", str(datetime.now(UTC).year))
            text = _select_lines(text, kinds)
        yield _NEW_PATHS.get(path, path), text


def _select_lines(text: str, kinds: Collection[str]) -> str:
    """Leave out each line that names the module of another kind."""
    lines = text.splitlines(keepends=True)
    return "".join(
        line for line in lines if not (match := _KIND_LINE.search(line)) or match[1] in kinds
    )


def _replace_names(text: str, normalized: str) -> str:
    text = text.replace(TEMPLATE_MODULE, to_module_name(normalized))
    return text.replace(TEMPLATE_NAME, normalized)
