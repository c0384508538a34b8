"""Short hashes of what decides a result: values as canonical JSON, files by name and content."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

LENGTH = 16


def hash_json(value: Any) -> str:
    """Hash of a JSON-like value; the order of keys does not matter."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def hash_files(files: Mapping[str, Path]) -> str:
    """Hash of the names and the contents of files; their order does not matter."""
    return hash_json({name: _hash_file(path) for name, path in files.items()})


def sort_by_hash(names: Iterable[str], salt: str) -> list[str]:
    """Return names in an order that says nothing about them: that of their hashes with a salt."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{salt} {name}".encode()).digest())


def list_source_files(path: Path) -> dict[str, Path]:
    """Every file of a package, or the file of a module, by its path from the folder that holds it.

    Code and data beside it decide what code does. Bytecode and what is hidden are left out.
    """
    if path.is_file():
        return {path.name: path}
    return {
        file.relative_to(path.parent).as_posix(): file
        for file in iter_visible_files(path)
        if _is_source(file)
    }


def iter_visible_files(folder: Path) -> Iterator[Path]:
    """Yield every file of a folder and of linked folders that is not hidden and not bytecode."""
    visited: set[str] = set()
    for name, subfolders, files in os.walk(folder, followlinks=True):
        is_new = (real := os.path.realpath(name)) not in visited
        visited.add(real)
        subfolders[:] = sorted(filter(_is_visible, subfolders)) if is_new else []
        paths = (Path(name, file) for file in files if is_new and _is_visible(file))
        yield from (path for path in paths if path.is_file())  # not a broken link


def _is_visible(name: str) -> bool:
    return not name.startswith(".") and name != "__pycache__"


def _is_source(path: Path) -> bool:
    return not path.name.endswith((".pyc", "~"))


@cache
def _hash_file(path: Path) -> str:
    """SHA-256 of a file as it was when this process first asked."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
