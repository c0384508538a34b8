"""What a part is made of, as JSON, and how it differs from an older version of the same part.

An identity names the part and its options, and has a hash or a version of everything else that
decides what the part computes. Two identities with the same name and options are versions of one
part: what an older version computed is stored, but it is not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Identity = Mapping[str, Any]
"""An identity of a part; `describe_part_identity` in `experiment.part_identity` makes it."""

_NAMES = ("kind", "name", "distribution", "options")


def format_part(identity: Identity) -> str:
    """Return how a message calls a part.

    >>> format_part({"kind": "encoder", "name": "pixel", "distribution": "nordlab"})
    "encoder 'pixel' of nordlab"
    """
    return f"{identity['kind']} {identity['name']!r} of {identity['distribution']}"


def is_same_part(old: Identity, new: Identity) -> bool:
    """Whether both are versions of one part with the same options; a file may have changed."""
    names_agree = all(old.get(key) == new.get(key) for key in _NAMES)
    return names_agree and old.get("files", {}).keys() == new.get("files", {}).keys()


def list_part_changes(old: Identity, new: Identity) -> list[str]:
    """Return what differs between two versions of a part, in words.

    >>> list_part_changes({"source": "a", "libraries": {"torch": "2.5"}}, {"source": "b"})
    ['source', 'torch 2.5 was removed']
    """
    changes = ["source"] if old.get("source") != new.get("source") else []
    if old.get("version") != new.get("version"):
        changes.append(f"version {old.get('version')} -> {new.get('version')}")
    files = new.get("files", {})
    changes += [
        f"content of the option {name!r}"
        for name, content in old.get("files", {}).items()
        if files.get(name) != content
    ]
    changes += list_library_changes(old.get("libraries", {}), new.get("libraries", {}))
    if old.get("toolkit") != new.get("toolkit"):
        changes.append("code of the toolkit")
    return changes


def list_library_changes(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return which versions of libraries differ, in words.

    >>> list_library_changes({"torch": "2.5", "av": "14"}, {"torch": "2.6", "av": "14"})
    ['torch 2.5 -> 2.6']
    """
    changes = []
    for name in sorted({**old, **new}):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if before is None:
            changes.append(f"{name} {after} was added")
        elif after is None:
            changes.append(f"{name} {before} was removed")
        else:
            changes.append(f"{name} {before} -> {after}")
    return changes
