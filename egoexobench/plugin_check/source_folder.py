"""Makes the plug-ins of a folder importable as if its distribution were installed."""

from __future__ import annotations

import importlib
import os
import re
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from egoexobench.errors import DataError
from egoexobench.registry import ENTRY_POINT_GROUP, FOLDER_GROUP

PROJECT_FILE = "pyproject.toml"
_GROUPS = (ENTRY_POINT_GROUP, FOLDER_GROUP)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9.+!-]+")
_ENTRY = re.compile(r"[\w.-]+")
_TARGET = re.compile(r"(?P<root>[A-Za-z_]\w*)(?:\.[A-Za-z_]\w*)*(?::[\w.]+)?")


@contextmanager
def open_source_folder(folder: Path) -> Iterator[str]:
    """Put the modules of a folder and the metadata of its distribution on the import path.

    The path is restored afterwards, and the modules are forgotten.

    Args:
        folder: a folder with a `pyproject.toml` that declares entry points of plug-ins.

    Returns:
        The name of the distribution.

    Raises:
        DataError: if there is no such file, or it does not say what is needed.
    """
    root = folder.resolve()
    project = _read_project(root)
    name, version = _read_identity(project, root)
    requirements = _read_requirements(project, root)
    entries = _read_entries(project, root)
    import_folder = _find_import_folder(root, entries)
    with tempfile.TemporaryDirectory() as metadata_folder:
        _write_metadata(
            Path(metadata_folder), name, version, requirements=requirements, entries=entries
        )
        try:
            with _extended_path([metadata_folder, str(import_folder)]):
                yield name
        finally:
            _forget_modules(import_folder)


def _read_project(root: Path) -> Mapping[str, Any]:
    path = root / PROJECT_FILE
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"{root} has no {PROJECT_FILE}; name the folder of a distribution, or one that is "
            "installed"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    project = content.get("project")
    if not isinstance(project, dict):
        raise DataError(f"{path} has no table [project]")
    return project


def _read_identity(project: Mapping[str, Any], root: Path) -> tuple[str, str]:
    name, version = project.get("name"), project.get("version", "0")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DataError(f"{root / PROJECT_FILE}: the name of the project is {name!r}")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise DataError(f"{root / PROJECT_FILE}: the version of the project is {version!r}")
    return name, version


def _read_requirements(project: Mapping[str, Any], root: Path) -> list[str]:
    texts = project.get("dependencies", [])
    if isinstance(texts, list) and all(isinstance(t, str) and t.isprintable() for t in texts):
        return texts
    raise DataError(f"{root / PROJECT_FILE}: the dependencies of the project are {texts!r}")


def _read_entries(project: Mapping[str, Any], root: Path) -> dict[str, dict[str, str]]:
    """The entry points of plug-ins by group."""
    declared = project.get("entry-points")
    groups = declared if isinstance(declared, dict) else {}
    entries = {group: groups[group] for group in _GROUPS if group in groups}
    if not any(entries.values()):
        raise DataError(
            f"{root / PROJECT_FILE} declares no plug-in: it needs a table "
            f'[project.entry-points.{ENTRY_POINT_GROUP}] with a line NAME = "MODULE"'
        )
    for group in entries.values():
        for key, value in group.items() if isinstance(group, dict) else [(group, None)]:
            is_valid = isinstance(value, str) and _TARGET.fullmatch(value)
            if not is_valid or not _ENTRY.fullmatch(key):
                raise DataError(f"{root / PROJECT_FILE}: {key} = {value!r} names no module")
    return entries


def _find_import_folder(root: Path, entries: Mapping[str, Mapping[str, str]]) -> Path:
    """The folder whose modules the entry points name: the root, or `src` in it."""
    targets = [target for group in entries.values() for target in group.values()]
    roots = sorted({match["root"] for text in targets if (match := _TARGET.fullmatch(text))})
    for folder in (root / "src", root):
        if all((folder / name).is_dir() or (folder / f"{name}.py").is_file() for name in roots):
            return folder
    raise DataError(
        f"{root} has no module {' and '.join(map(repr, roots))}, in itself or in src; "
        "install the distribution and check it by its name"
    )


def _write_metadata(
    folder: Path,
    name: str,
    version: str,
    *,
    requirements: Sequence[str],
    entries: Mapping[str, Mapping[str, str]],
) -> None:
    metadata = folder / f"{re.sub(r'[-_.]+', '_', name)}-{version}.dist-info"
    metadata.mkdir()
    lines = [f"Requires-Dist: {text}" for text in requirements]
    header = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines]
    (metadata / "METADATA").write_text("\n".join(header) + "\n", encoding="utf-8")
    groups = [
        "\n".join([f"[{group}]", *(f"{key} = {value}" for key, value in lines.items())])
        for group, lines in entries.items()
    ]
    (metadata / "entry_points.txt").write_text("\n\n".join(groups) + "\n", encoding="utf-8")


@contextmanager
def _extended_path(folders: list[str]) -> Iterator[None]:
    """Put folders first on the import path, of this process and of those that it starts."""
    before, variable = sys.path.copy(), os.environ.get("PYTHONPATH")
    sys.path[:0] = folders
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [*folders, variable]))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before
        if variable is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = variable


def _forget_modules(folder: Path) -> None:
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(folder):
            del sys.modules[name]
