"""The source files of a plug-in: another source is another part, with features of its own."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from egoexobench.hashing import hash_files, list_source_files
from egoexobench.source_imports import iter_imported_modules

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
        path = _find_archive(Path(spec.origin)) or Path(spec.origin)
        if path not in files.values():
            files |= {f"{factory_module}: {path.name}": path}
    return files


def list_plugin_files(module: str, distribution: str) -> Files:
    """Every source file of the distribution of a plug-in, by its path in an import folder.

    These are the files that the installer listed, and all files of the packages and modules that
    `top_level.txt` and the entry points name, where an editable install keeps them. Of a folder
    that holds them and is not an installer's, neighbors count as well (see `_list_neighbors`), and
    so does every package that they import and that can be edited (see `_list_editable_imports`).
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
    own_files = files | listed | _list_neighbors(unlisted_code)
    return _list_editable_imports(own_files) | own_files


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


def _list_module_files(name: str, *, only_editable: bool = False) -> Files:
    """Every file of a package, or the file of a module; none if there is no such module.

    Args:
        name: the package or module.
        only_editable: leave out what an installer put into its folder, without listing it: a large
            library has thousands of files.
    """
    spec = _find_spec(name)
    if spec is None:
        return {}
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if not folders and spec.has_location and spec.origin:
        folders = [Path(spec.origin)]
    folders = [_find_archive(folder) or folder for folder in folders]
    if only_editable:
        folders = [folder for folder in folders if not _is_installed(folder)]
    parents = PurePosixPath(*name.split(".")[:-1])
    files: Files = {}
    for folder in reversed(folders):  # the first folder is what an import finds
        for key, path in list_source_files(folder).items():
            files[(parents / key).as_posix()] = path
    return files


def _find_archive(path: Path) -> Path | None:
    """The zip archive that a module is imported from; None if it is in a folder."""
    return None if path.exists() else next(filter(Path.is_file, path.parents), None)


def _list_neighbors(files: Files) -> Files:
    """What lies in the import folders of files and is not listed by any installer.

    Beside a module outside of packages these are all modules, for one may import another by any
    name; beside it and beside packages, each package, module and other file whose name occurs in
    the code. The toolkit itself is no neighbor: its code enters every hash of features and weights
    by layers.
    """
    neighbors: Files = {}
    for folder in sorted({_find_import_folder(key, path) for key, path in files.items()}):
        if folder.name in INSTALL_FOLDERS:
            continue
        candidates = {
            path
            for path in folder.iterdir()
            if path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py")))
            if path.name != OWN_DISTRIBUTION
        }
        if any(path.parent == folder for path in files.values()):
            neighbors |= {path.name: path for path in folder.glob("*.py")}
        words = _list_words((files | neighbors).values())
        while mentioned := {path for path in candidates if path.stem in words}:
            candidates -= mentioned
            for path in mentioned:
                added = list_source_files(path)
                neighbors |= added
                words |= _list_words(added.values())
        neighbors |= _list_named_files(folder, (files | neighbors).values())
    return neighbors


def _list_named_files(folder: Path, code: Iterable[Path]) -> Files:
    """The files of a folder whose whole name occurs in code, such as ``table.npy``."""
    texts = [path.read_text(errors="replace") for path in code if path.suffix == ".py"]
    files = {path.name: path for path in folder.glob("[!.]*.*") if path.is_file()}
    return {name: path for name, path in files.items() if any(name in text for text in texts)}


def _list_editable_imports(files: Files) -> Files:
    """Every package and module that files import and that no installer put into its folder.

    A library in an installer's folder counts by its version. One that is edited where it lies, by
    an editable install or a folder on the path, has the same version after an edit.
    """
    imports: Files = {}
    own_names = {PurePosixPath(key).parts[0].removesuffix(".py") for key in files}
    visited = own_names | sys.stdlib_module_names | {OWN_DISTRIBUTION}
    remaining = [path for path in files.values() if path.suffix == ".py"]
    while remaining:
        text = remaining.pop().read_text(errors="replace")
        names = {name.partition(".")[0] for name in iter_imported_modules(text)} - visited
        visited |= names
        for name in sorted(names):
            added = {
                f"{name}: {key}": path
                for key, path in _list_module_files(name, only_editable=True).items()
                if not _is_installed(path)
            }
            imports |= added
            remaining += [path for path in added.values() if path.suffix == ".py"]
    return imports


def _is_installed(path: Path) -> bool:
    return not set(INSTALL_FOLDERS).isdisjoint(path.parts)


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
