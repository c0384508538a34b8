"""Watches whether a part opens files of the data set or calls the data set while it works.

A part gets frames, sound or text from the harness. It has no reason to open a media file, to list
their folder, to read the annotation, to ask a data set for its clips, or to search all objects of
the process, among which are the narrations.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import local
from typing import Any, final

from egoexobench.data.media_files import list_local_files
from egoexobench.protocols import Dataset

_FILE_EVENTS = ("open", "os.listdir", "os.scandir")
_OBJECT_EVENTS = ("gc.get_objects", "gc.get_referrers", "sys._current_frames")
_DATASET_METHODS = ("clips", "pairs", "queries")
_CODE_SUFFIXES = (".py", ".pyc", ".so", ".pyd")


@final
@dataclass(slots=True)
class AccessWatch:
    """What parts did with the data set while they were watched."""

    files: frozenset[str]
    """Real paths of the media files, of their folders and of the annotation files."""
    accesses: set[str] = field(default_factory=set)


class _PartState(local):
    """Whether this thread runs code of a part."""

    is_inside = False


_state = _PartState()
_listeners: list[Callable[[str, str], None]] = []


def list_opened_files(create: Callable[[], object]) -> frozenset[str]:
    """Return the real paths of the files that a function opens, except code."""
    opened: set[str] = set()

    def add_file(event: str, path: str) -> None:
        if event in _FILE_EVENTS:
            opened.add(path)

    with _listening(add_file):
        create()
    return frozenset(path for path in opened if not path.endswith(_CODE_SUFFIXES))


@contextmanager
def watch_parts(dataset: Dataset, files: frozenset[str]) -> Iterator[AccessWatch]:
    """Watch, inside the block, what code inside `part_code` does with a data set and its files."""
    watch = AccessWatch(files)

    def record_access(event: str, path: str) -> None:
        if not _state.is_inside:
            return
        if event in _OBJECT_EVENTS:
            watch.accesses.add(f"searches all objects of the process with {event}")
        elif path in watch.files:
            watch.accesses.add(f"opens {Path(path).name}")

    dataset_class = type(dataset)
    originals = {name: getattr(dataset_class, name) for name in _DATASET_METHODS}

    def make_watched(name: str) -> Callable[..., Any]:
        def call_original(self: Dataset, *arguments: Any) -> Any:
            if _state.is_inside:
                watch.accesses.add(f"calls {name}() of the data set")
            return originals[name](self, *arguments)

        return call_original

    with (
        _listening(record_access),
        replaced_methods(dataset_class, **{name: make_watched(name) for name in originals}),
    ):
        yield watch


@contextmanager
def part_code() -> Iterator[None]:
    """Mark the block, in this thread, as code of parts."""
    before, _state.is_inside = _state.is_inside, True
    try:
        yield
    finally:
        _state.is_inside = before


def list_media_paths(media: Sequence[str]) -> frozenset[str]:
    """Return the real paths of media files and of their folders."""
    files = {os.path.realpath(path) for path in list_local_files(media)}
    return frozenset(files | {str(Path(path).parent) for path in files})


@contextmanager
def replaced_methods(owner: type, **methods: object) -> Iterator[None]:
    """Set methods of a class inside the block, and restore it afterwards."""
    originals = {name: vars(owner)[name] for name in methods if name in vars(owner)}
    try:
        for name, method in methods.items():
            setattr(owner, name, method)
        yield
    finally:
        for name in methods:
            if name in originals:
                setattr(owner, name, originals[name])
            else:  # it is inherited
                delattr(owner, name)


@contextmanager
def _listening(listener: Callable[[str, str], None]) -> Iterator[None]:
    """Call a function for each event; its path is that of the file or folder, if there is one."""
    _install_hook()
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@cache
def _install_hook() -> None:
    sys.addaudithook(_report_event)  # it cannot be removed; without listeners it does nothing


def _report_event(event: str, arguments: tuple[Any, ...]) -> None:
    if not _listeners:
        return
    if event in _OBJECT_EVENTS:
        _call_listeners(event, "")
    elif event in _FILE_EVENTS and isinstance(path := arguments[0], str | bytes | os.PathLike):
        _call_listeners(event, os.path.realpath(os.fsdecode(path)))


def _call_listeners(event: str, path: str) -> None:
    for listener in _listeners:
        listener(event, path)
