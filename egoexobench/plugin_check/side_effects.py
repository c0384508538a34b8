"""What code does beside its work: prints, and files that it writes."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

from egoexobench.files import cache_dir
from egoexobench.part_results import MAX_SHOWN

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_watched: list[set[str]] = []


@contextmanager
def watch_side_effects(scratch: Path, *, allow_files: bool = False) -> Iterator[list[str]]:
    """Collect, until the block ends, what code prints and which files it writes.

    Args:
        scratch: the folder of temporary files inside the block. It may be written to, as may the
            caches of the user.
        allow_files: whether any other file may be written, too.

    Returns:
        A list that has one line for each fault after the block.
    """
    faults: list[str] = []
    written: set[str] = set()
    output = io.StringIO()
    _install_hook()
    _watched.append(written)
    before, tempfile.tempdir = tempfile.tempdir, str(scratch)
    try:
        with redirect_stdout(output):
            yield faults
    finally:
        tempfile.tempdir = before
        _watched.remove(written)
    if text := " ".join(output.getvalue().split()):
        shown = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
        faults.append(f"it prints to standard output: {shown!r}")
    if allow_files:
        return
    if files := [path for path in sorted(written) if not _is_allowed(path, scratch)]:
        faults.append(f"it writes {_name_path(files[0])}; a cache belongs below {cache_dir()}")


def _name_path(path: str) -> str:
    folder = Path.cwd()
    return str(Path(path).relative_to(folder)) if Path(path).is_relative_to(folder) else path


def _is_allowed(path: str, scratch: Path) -> bool:
    if path.endswith(".pyc") or "__pycache__" in path or path.startswith(("/dev/", "/proc/")):
        return True
    folders = [scratch, cache_dir(), *_list_library_caches()]
    return any(Path(path).is_relative_to(folder.resolve()) for folder in folders)


def _list_library_caches() -> Sequence[Path]:
    """Where libraries keep what they download."""
    variables = ("XDG_CACHE_HOME", "HF_HOME", "TORCH_HOME")
    folders = [Path(folder) for name in variables if (folder := os.environ.get(name))]
    try:
        return [*folders, Path.home() / ".cache"]
    except RuntimeError:  # no home folder
        return folders


@cache
def _install_hook() -> None:
    sys.addaudithook(_report_event)  # it cannot be removed; outside of a block it does nothing


def _report_event(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watched:
        return
    if event == "open":
        path, _, flags = arguments
        is_writing = isinstance(flags, int) and bool(flags & _WRITING)
    elif event == "os.mkdir":
        path, _, folder = arguments
        is_writing = folder == -1  # the path of another call is relative to an open folder
    else:
        return
    if is_writing and isinstance(path, str | bytes | os.PathLike):
        name = os.path.realpath(os.fsdecode(path))
        for written in _watched:
            written.add(name)
