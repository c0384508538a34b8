"""Describes what a part is made of: names, options, and a hash or a version of everything else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from egoexobench.content_hash import hash_content
from egoexobench.libraries import (
    MEDIA_LIBRARY,
    TENSOR_LIBRARIES,
    find_versions,
    list_part_libraries,
)
from egoexobench.plugin_source import hash_plugin_source, list_part_files
from egoexobench.registry import PartFactory
from egoexobench.toolbox import hub


def describe_part_identity(
    part: PartFactory, options: Mapping[str, Any], versions: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return what decides the behavior of a part; a file counts by its content, not by its path.

    Args:
        part: the factory of the part.
        options: every option with its value.
        versions: of all libraries of several parts, so that none is looked up twice.
    """
    libraries = list_libraries(part)
    if versions is None:
        versions = find_versions(libraries)
    files = hash_file_options(options)
    distribution = part.distribution
    code = part.module, distribution.name, part.factory.__module__
    return {
        "kind": part.kind,
        "name": part.name,
        "options": {name: value for name, value in options.items() if name not in files},
        "files": files,
        "distribution": distribution.name,
        "version": distribution.version,
        "source": hash_plugin_source(*code),
        "libraries": {name: versions[name] for name in libraries if name in versions},
    }


def list_libraries(part: PartFactory) -> tuple[str, ...]:
    """Names of the libraries that a part computes with."""
    code = part.module, part.distribution.name, part.factory.__module__
    always = {"captioner": (), "answerer": (MEDIA_LIBRARY,)}.get(part.kind, TENSOR_LIBRARIES)
    return tuple(sorted({*always, *list_part_libraries(*code)}))


def list_plugin_modules(part: PartFactory) -> frozenset[str]:
    """Names of the modules of the plug-in that brings a part."""
    files = list_part_files(part.module, part.distribution.name, part.factory.__module__)
    paths = [PurePosixPath(key).with_suffix("") for key in files if key.endswith(".py")]
    names = (".".join(path.parts).removesuffix(".__init__") for path in paths)
    return frozenset({*names, part.module, part.factory.__module__})


def hash_file_options(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of the content of each option that names a file or a folder, by name."""
    paths = {name: _find_file(value) for name, value in options.items()}
    contents = {name: hash_content(path) for name, path in paths.items() if path is not None}
    return {name: content for name, content in contents.items() if content is not None}


def _find_file(value: Any) -> Path | None:
    """The file that an option names; text counts if it looks like a path, or names a file."""
    if isinstance(value, str):
        looks_like_path = os.sep in value or bool(Path(value).suffix) or Path(value).is_file()
        value = Path(value).expanduser() if looks_like_path else None
    return hub.find_local_weights(value) if isinstance(value, Path) else None
