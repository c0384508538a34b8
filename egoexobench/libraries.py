"""The versions of the libraries that a part computes with: another version is another part.

The rule: every part but a captioner computes with torch and numpy. To these come the libraries that
the source files of the part import, also inside of functions, and those that the modules of
`egoexobench.toolbox` import that the part uses. A distribution of a third party adds what it
requires to be installed. Libraries that only read files and check values do not count, and those
that a library imports in turn are not looked for.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from egoexobench.plugin_source import OWN_DISTRIBUTION, list_part_files
from egoexobench.source_imports import iter_imported_modules

TENSOR_LIBRARIES = ("torch", "numpy")
"""Every part but a captioner computes with them."""
MEDIA_LIBRARY = "av"
"""PyAV decodes what the encoders of video and audio get."""
ALIGNMENT_LIBRARY = "numba"
"""Aligns long sequences in time, in whole numbers; it is an extra, so that a training that aligns
nothing must not depend on it."""
SCORING_LIBRARIES = (MEDIA_LIBRARY, *TENSOR_LIBRARIES, "scipy")
"""The toolkit itself decodes, trains and scores with them."""
RECORDED_LIBRARIES = (
    "av",
    "egoexobench",
    "numba",
    "numpy",
    "open_clip_torch",
    "pandas",
    "pluggy",
    "pydantic",
    "safetensors",
    "scipy",
    "timm",
    "torch",
    "torchaudio",
    "torchvision",
    "transformers",
)
"""Their versions are in every record, where they are installed."""
DISTRIBUTION_NAMES: Mapping[str, str] = {
    "PIL": "pillow",
    "cv2": "opencv_python",
    "open_clip": "open_clip_torch",
    "skimage": "scikit_image",
    "sklearn": "scikit_learn",
}
"""Distribution by the name that code imports, where both differ."""
WITHOUT_NUMBERS = frozenset(
    {
        OWN_DISTRIBUTION,
        "click",
        "huggingface_hub",
        "pluggy",
        "pydantic",
        "rich",
        "safetensors",
        "typing_extensions",
        "xxhash",
    }
)
"""What they do shows in the content of files and in the weights, which have hashes of their own."""
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_OWN_PACKAGE = Path(__file__).parent
_TOOLBOX = f"{_OWN_PACKAGE.name}.toolbox"
_OWN_ROOTS = ("egoexobench", "egoexobench_plugins", "egoexobench_baselines")


@cache
def find_version(distribution: str) -> str | None:
    """Return the version of an installed distribution; None if it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def find_versions(distributions: Iterable[str]) -> dict[str, str]:
    """Return the version of each distribution that is installed, by name."""
    names = sorted(set(distributions))
    return {name: version for name in names if (version := find_version(name))}


@cache
def list_part_libraries(module: str, distribution: str, factory_module: str) -> tuple[str, ...]:
    """Names of the distributions that a part imports or requires; some may not be installed.

    Args:
        module: the module that holds the plug-in's hooks.
        distribution: the name of the distribution that brings it.
        factory_module: where the part's factory is defined.
    """
    files = list_part_files(module, distribution, factory_module)
    own_names = {Path(key).parts[0].removesuffix(".py") for key in files}
    imported = _list_imports(files.values()) - own_names - sys.stdlib_module_names
    libraries = {_find_distribution(name) for name in imported.difference(_OWN_ROOTS)}
    if distribution != OWN_DISTRIBUTION:
        libraries |= set(_list_requirements(distribution))
    return tuple(sorted(libraries - WITHOUT_NUMBERS))


def _list_imports(paths: Iterable[Path]) -> set[str]:
    """Top-level names that files import, and that the toolbox modules import that they use."""
    names: set[str] = set()
    remaining, visited = list(paths), set[Path]()
    while remaining:
        path = remaining.pop()
        if path in visited or path.suffix != ".py":
            continue
        visited.add(path)
        for module in _iter_imported_modules(path):
            names.add(module.partition(".")[0])
            if module.startswith(_TOOLBOX):
                remaining += _find_toolbox_files(module)
    return names


def _iter_imported_modules(path: Path) -> Iterator[str]:
    text = path.read_text(errors="replace")
    yield from iter_imported_modules(text)
    for names in re.findall(rf"^\s*from\s+{_TOOLBOX}\s+import\s+([\w, ]+)", text, re.MULTILINE):
        yield from (f"{_TOOLBOX}.{name.split()[0]}" for name in names.split(",") if name.strip())


def _find_toolbox_files(module: str) -> list[Path]:
    path = _OWN_PACKAGE.joinpath(*module.split(".")[1:])
    return [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()]


def _find_distribution(name: str) -> str:
    """The distribution that brings a module; its own name if none does."""
    known_name = DISTRIBUTION_NAMES.get(name, name)
    if find_version(known_name):
        return known_name
    names = _map_modules_to_distributions().get(name, [known_name])
    return names[0].lower().replace("-", "_")


@cache
def _map_modules_to_distributions() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()  # takes half a second


def _list_requirements(distribution: str) -> Iterator[str]:
    """Names of what a distribution requires in every installation."""
    try:
        requirements = metadata.requires(distribution) or ()
    except metadata.PackageNotFoundError:
        return
    for text in requirements:
        requirement, _, marker = text.partition(";")
        if "extra" not in marker and (match := _REQUIREMENT.match(requirement.strip())):
            yield match[0].lower().replace("-", "_")
