"""The source files of a plug-in: another source is another part, with features of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from egoexobench.hashing import hash_files, list_source_files

OWN_DISTRIBUTION = "egoexobench"
"""Its plug-ins import nothing of each other, which a test holds: each has a source of its own."""
CODE_SUFFIXES = (".py", ".so", ".pyd")
INSTALL_FOLDERS = ("site-packages", "dist-packages")
INSTALL_RECORDS = (".dist-info", ".egg-info")

Files = dict[str, Path]


@cache
def hash_plugin_source(module: str, distribution: str, factory_module: str) -> str:
    """Hash of every source file that may decide what a part of a plug-in computes.

    Args:
        module: the module that holds the hooks.
        distribution: the name of the distribution that brings it.
        factory_module: where the part's factory is defined; a library outside of the distribution
            enters with this one module.
    """
    return hash_files(list_part_files(module, distribution, factory_module))


def list_part_files(module: str, distribution: str, factory_module: str) -> Files:
    """The files of a plug-in, and the module of the factory if it is in another library."""
    files = list_plugin_files(module, distribution)
    spec = _find_spec(factory_module)
    if spec is not None and spec.has_location and spec.origin:
        path = Path(spec.origin)
        if path not in files.values():
            files |= {f"{factory_module}: {path.name}": path}
    return files


def list_plugin_files(module: str, distribution: str) -> Files:
    """Every source file of the distribution of a plug-in, by its path in an import folder.

    These are the files that the installer listed, and all files of the packages and modules that
    `top_level.txt` and the entry points name, where an editable install keeps them. Of a folder
    that holds them and is not an installer's, neighbors count as well (see `_list_neighbors`).
    """
    if distribution == OWN_DISTRIBUTION:
        return _list_module_files(".".join(module.split(".")[:2]))
    try:
        installed = metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return _list_module_files(_find_root(module))
    listed = _list_installed_files(installed)
    files: Files = {}
    for name in _iter_module_roots(installed, module, listed):
        own_files = _list_module_files(name)
        files |= {key: path for key, path in own_files.items() if key not in files}
    unlisted_code = {
        key: path
        for key, path in files.items()
        if path.suffix in CODE_SUFFIXES and key not in listed
    }
    return files | listed | _list_neighbors(unlisted_code)


def _list_installed_files(distribution: metadata.Distribution) -> Files:
    """The code that the installer put into an import folder, without what makes it editable."""
    files = {}
    for file in distribution.files or ():
        path = Path(str(distribution.locate_file(file)))
        folder_is_imported = file.parts[0] != ".." and not file.parts[0].endswith(INSTALL_RECORDS)
        is_code = file.suffix in CODE_SUFFIXES and not file.name.startswith("__editable__")
        if folder_is_imported and is_code and path.is_file():
            files[file.as_posix()] = path
    return files


def _iter_module_roots(
    distribution: metadata.Distribution, module: str, listed: Iterable[str]
) -> Iterator[str]:
    """Name the packages and the modules outside of packages that a distribution consists of."""
    yield _find_root(module)
    yield from (distribution.read_text("top_level.txt") or "").split()
    yield from sorted({_find_root(entry.module) for entry in distribution.entry_points})
    yield from sorted({PurePosixPath(key).parts[0].partition(".")[0] for key in listed})


def _find_root(module: str) -> str:
    """The package that a module is in; a namespace belongs to several distributions and is none."""
    names = module.split(".")
    for count in range(1, len(names)):
        name = ".".join(names[:count])
        spec = _find_spec(name)
        if spec is not None and spec.origin is not None:
            return name
    return module


def _list_module_files(name: str) -> Files:
    """Every file of a package, or the file of a module; none if there is no such module."""
    spec = _find_spec(name)
    if spec is None:
        return {}
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if not folders and spec.has_location and spec.origin:
        folders = [Path(spec.origin)]
    parents = PurePosixPath(*name.split(".")[:-1])
    files: Files = {}
    for folder in reversed(folders):  # the first folder is what an import finds
        for key, path in list_source_files(folder).items():
            files[(parents / key).as_posix()] = path
    return files


def _list_neighbors(files: Files) -> Files:
    """What lies in the import folders of files and is not listed by any installer.

    Beside a module outside of packages these are all modules, for one may import another by any
    name; beside it and beside packages, each package and module whose name occurs in the code. The
    toolkit itself is no neighbor: its code enters every hash of features and weights by layers.
    """
    neighbors: Files = {}
    for folder in sorted({_find_import_folder(key, path) for key, path in files.items()}):
        if folder.name in INSTALL_FOLDERS:
            continue
        if any(path.parent == folder for path in files.values()):
            neighbors |= {path.name: path for path in folder.glob("*.py")}
        remaining = {
            path
            for path in folder.iterdir()
            if path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py")))
            if path.name != OWN_DISTRIBUTION
        }
        words = _list_words((files | neighbors).values())
        while mentioned := {path for path in remaining if path.stem in words}:
            remaining -= mentioned
            for path in mentioned:
                added = list_source_files(path)
                neighbors |= added
                words |= _list_words(added.values())
    return neighbors


def _find_import_folder(key: str, path: Path) -> Path:
    return path.parents[len(PurePosixPath(key).parts) - 1]


def _list_words(paths: Iterable[Path]) -> set[str]:
    """Every word of Python files."""
    words: set[str] = set()
    for path in paths:
        if path.suffix == ".py":
            words.update(re.findall(r"\w+", path.read_text(errors="replace")))
    return words


def _find_spec(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except (ImportError, ValueError, AttributeError):  # no such parent, or a module made by hand
        return None
