"""The works that a part comes from, as BibTeX, from the file `references.bib` of its package.

An entry of the file has a field ``parts`` of ours, such as ``parts = {method:mine, encoder:mine}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import final

from egoexobench.errors import DataError, UsageError, format_unknown_name
from egoexobench.hookspecs import PROJECT_NAME
from egoexobench.registry import PartFactory, Registry

REFERENCES_FILE = "references.bib"
_ENTRY = re.compile(r"^@(?P<type>\w+)\s*\{\s*(?P<key>[^\s,{}]+)\s*,", re.MULTILINE)
_PARTS_FIELD = re.compile(r",\s*parts\s*=\s*\{([^{}]*)\}")


@final
@dataclass(frozen=True, slots=True)
class CitedWork:
    """An entry of BibTeX, and kind and name of the parts that come from the work."""

    key: str
    bibtex: str
    parts: tuple[str, ...]


def find_works(registry: Registry, names: Iterable[str]) -> list[CitedWork]:
    """Return the works of parts, each one once, in the order of the names.

    Args:
        registry: all parts.
        names: of parts of any kind, with or without options, or ``egoexobench`` for the toolkit.

    Raises:
        UsageError: if there is no part of a name.
        DataError: if a part names no work, or a file of references is not BibTeX.
    """
    works: dict[str, CitedWork] = {}
    for name in names:
        works |= {work.key: work for work in _find_works_of_name(registry, name)}
    return list(works.values())


def _find_works_of_name(registry: Registry, name: str) -> list[CitedWork]:
    if name == PROJECT_NAME:
        return [_add_version(work) for work in _read_own_works() if PROJECT_NAME in work.parts]
    plain = name.partition(":")[0]
    parts = [part for part in registry.iter_parts() if plain in (part.name, *part.aliases)]
    if not parts:
        names = {part.name for part in registry.iter_parts()} | {PROJECT_NAME}
        raise UsageError(format_unknown_name("part", plain, names))
    works = [work for part in parts for work in list_part_works(part)]
    if not works:
        listed = "; ".join(f"{part}: {part.summary}" for part in parts)
        raise DataError(f"no work to cite is named for {listed}")
    return works


def list_part_works(part: PartFactory) -> list[CitedWork]:
    """Return the works that a part comes from, as its package names them; none if it does not.

    Raises:
        DataError: if the file of references is not BibTeX.
    """
    is_own = part.distribution.name == PROJECT_NAME
    works = _read_own_works() if is_own else _read_package_works(part.module)
    return [work for work in works if f"{part.kind}:{part.name}" in work.parts]


def format_bibtex(parts: Iterable[str]) -> str:
    """Return BibTeX of the toolkit and of the works that parts of it come from; loads no part.

    Args:
        parts: kind and name of each, such as ``method:egoexo``; others name no work.
    """
    names = {PROJECT_NAME, *parts}
    works = [_add_version(work) for work in _read_own_works() if names.intersection(work.parts)]
    return "\n\n".join(work.bibtex for work in works) + "\n"


@cache
def _read_own_works() -> list[CitedWork]:
    return read_works(Path(__file__).with_name(REFERENCES_FILE))


def _read_package_works(module: str) -> list[CitedWork]:
    spec = find_spec(module.partition(".")[0])
    folders = (spec.submodule_search_locations if spec else None) or ()
    paths = [Path(folder) / REFERENCES_FILE for folder in folders]
    return [work for path in paths if path.is_file() for work in read_works(path)]


def read_works(path: Path) -> list[CitedWork]:
    """Return the entries of a file of BibTeX, without the field ``parts``.

    Raises:
        DataError: if it cannot be read, or an entry does not end.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    return list(_iter_works(path, text))


def _iter_works(path: Path, text: str) -> Iterator[CitedWork]:
    for match in _ENTRY.finditer(text):
        end = _find_end(text, match.start())
        if end is None:
            raise DataError(f"{path}: the entry {match['key']!r} has no closing brace")
        entry = text[match.start() : end]
        fields = _PARTS_FIELD.findall(entry)
        parts = tuple(name for field in fields for name in re.split(r"[\s,]+", field) if name)
        yield CitedWork(match["key"], _PARTS_FIELD.sub("", entry), parts)


def _find_end(text: str, start: int) -> int | None:
    """Where the entry that begins at ``start`` ends."""
    depth = 0
    for match in re.compile(r"\\?[{}]").finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if not depth:
            return match.end()
    return None


@cache
def _add_version(work: CitedWork) -> CitedWork:
    """The software is cited with its version, which only the installation knows."""
    if work.key != PROJECT_NAME:
        return work
    fields = work.bibtex.rstrip("}\n")
    return CitedWork(
        work.key, f"{fields}\n  version = {{{version(PROJECT_NAME)}}},\n}}", work.parts
    )
