"""Entry points of installed distributions, without the import of `importlib.metadata`.

That import takes longer than the import of all plug-ins together, and every command reads the entry
points. Installed distributions are folders ``NAME-VERSION.dist-info`` on the path, whose files have
a standard format (PyPA specifications "Recording installed projects" and "Entry points"). If a
distribution may be anywhere else, `importlib.metadata` reads the entry points.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder

METADATA_NAMES = {".dist-info": "METADATA", ".egg-info": "PKG-INFO"}


@dataclass(frozen=True, slots=True)
class Distribution:
    """The installed package that a plug-in comes with."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class PluginEntryPoint:
    """A named object in a group of entry points, and the distribution that declares it."""

    group: str
    name: str
    value: str
    """``MODULE``, or ``MODULE:ATTRIBUTE`` for an object in it."""
    distribution: Distribution

    @property
    def module(self) -> str:
        """The module to import."""
        return self.value.partition(":")[0].strip()

    @property
    def attributes(self) -> tuple[str, ...]:
        """The names that lead from the module to the object; empty for the module itself."""
        return tuple(filter(None, self.value.partition(":")[2].strip().split(".")))


def list_entry_points(*groups: str) -> list[PluginEntryPoint]:
    """Return the entry points of some groups; of equal distributions only the first on the path."""
    if _has_other_sources():
        return list(_read_with_importlib(groups))
    folders: dict[str, str] = {}
    for path in dict.fromkeys(sys.path):
        for folder in _list_metadata_folders(path or "."):
            stem = os.path.splitext(os.path.basename(folder))[0]
            name = stem.partition("-")[0].lower()  # `NAME.egg-info` has no version
            folders.setdefault(name, folder)
    return [entry for folder in folders.values() for entry in _read_entry_points(folder, groups)]


def _has_other_sources() -> bool:
    """Whether an archive is on the path, or a finder that finds distributions in its own way."""
    finders = [getattr(finder, "find_distributions", None) for finder in sys.meta_path]
    own_way = any(finder not in (None, PathFinder.find_distributions) for finder in finders)
    return own_way or any(os.path.isfile(path) for path in sys.path)


def _read_with_importlib(groups: Collection[str]) -> Iterator[PluginEntryPoint]:
    from importlib.metadata import entry_points

    for group in groups:
        for entry in entry_points(group=group):
            fields = entry.dist.metadata if entry.dist else {"Name": "unknown", "Version": "0"}
            distribution = Distribution(fields["Name"], fields["Version"])
            yield PluginEntryPoint(group, entry.name, _drop_extras(entry.value), distribution)


def _list_metadata_folders(path: str) -> list[str]:
    try:
        names = os.listdir(path)
    except OSError:  # the path may name folders that do not exist
        return []
    return [
        os.path.join(path, name) for name in sorted(names) if name.endswith(tuple(METADATA_NAMES))
    ]


def _read_entry_points(folder: str, groups: Collection[str]) -> Iterator[PluginEntryPoint]:
    text = _read_text(os.path.join(folder, "entry_points.txt"))
    if not any(f"[{group}]" in text for group in groups):
        return
    distribution = _read_distribution(folder)
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[]")
        elif group in groups and line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield PluginEntryPoint(group, name.strip(), _drop_extras(value), distribution)


def _drop_extras(value: str) -> str:
    """``MODULE:ATTRIBUTE`` without the extras that may follow it in brackets."""
    return value.partition("[")[0].strip()


def _read_distribution(folder: str) -> Distribution:
    text = _read_text(os.path.join(folder, METADATA_NAMES[os.path.splitext(folder)[1]]))
    header = text.partition("\n\n")[0]
    fields = dict(line.split(": ", 1) for line in header.splitlines() if ": " in line)
    return Distribution(fields.get("Name", "unknown"), fields.get("Version", "0"))


def _read_text(path: str) -> str:
    """The text of a file, or nothing; a path object would cost more than what is read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
