"""Short hashes of what decides a result: values as canonical JSON, files by name and content."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

LENGTH = 16
MAX_WHOLE = 16 * 1024**2
"""Bytes up to which a file is hashed whole; of a longer one, its size and three blocks."""
BLOCK = 1024**2


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
    files = {}
    for folder, subfolders, names in os.walk(path):
        subfolders[:] = [name for name in subfolders if _is_source(name)]
        for name in filter(_is_source, names):
            file = Path(folder, name)
            if file.is_file():  # not a broken link
                files[file.relative_to(path.parent).as_posix()] = file
    return files


def _is_source(name: str) -> bool:
    return not name.startswith(".") and name != "__pycache__" and not name.endswith((".pyc", "~"))


@cache
def _hash_file(path: Path) -> str:
    """Hash of a file as it was when this process first asked."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= MAX_WHOLE:
            return hashlib.file_digest(file, "sha256").hexdigest()
        total = hashlib.sha256(str(size).encode())
        for start in (0, (size - BLOCK) // 2, size - BLOCK):
            file.seek(start)
            total.update(file.read(BLOCK))
        return total.hexdigest()
