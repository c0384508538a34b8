"""The JSON files of version 2: where they are, and what cannot be read without them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import ConfigDict

from egoexobench.errors import DataError
from egoexobench.toolbox.annotation_tables import find_annotation_file
from egoexobench_plugins.ego_exo4d.options import ClipKind

OfficialSplit = Literal["train", "val"]
"""The splits whose annotations are public."""
OFFICIAL_SPLITS: tuple[OfficialSplit, ...] = ("train", "val")
TAKES, CAPTURES, SPLITS_FILE = "takes.json", "captures.json", "annotations/splits.json"
_ANNOTATIONS: Mapping[ClipKind, tuple[str, ...]] = {
    "keysteps": ("annotations/keystep_{split}.json",),
    "benchmark": (
        "annotations/keystep_benchmark/keystep_segment_{split}.json",
        "keystep_benchmark/keystep_segment_{split}.json",
    ),
    "descriptions": ("annotations/atomic_descriptions_{split}.json",),
}
"""Where the annotations of clips may be, the usual place first."""
ROW_CONFIG = ConfigDict(
    frozen=True, extra="ignore", str_strip_whitespace=True, str_max_length=10_000
)
"""How every row is checked. A limit of length refuses text that is not Unicode, too."""


class JsonSource(NamedTuple):
    """The content of a file, its path below the root and the SHA-256 of its bytes."""

    name: str
    content: Any
    sha256: str


def read_required(root: Path, name: str) -> JsonSource:
    """Read a file that nothing can be read without.

    Raises:
        DataError: if it is missing, cannot be read or is not JSON.
    """
    source = read_source(root, name)
    if source is None:
        raise DataError(
            f"{root} has no {name}; it needs {TAKES}, {CAPTURES} and {SPLITS_FILE} of Ego-Exo4D "
            "version 2: `egoexo -o DIR --parts metadata annotations` downloads them"
        )
    return source


def read_annotations(root: Path, kind: ClipKind) -> dict[OfficialSplit, JsonSource]:
    """Read the annotations of clips of each official split that has a file."""
    sources: dict[OfficialSplit, JsonSource] = {}
    for split in OFFICIAL_SPLITS:
        for name in _ANNOTATIONS[kind]:
            source = read_source(root, name.format(split=split))
            if source and split not in sources:
                sources[split] = source
    return sources


def get_annotation_name(kind: ClipKind, split: OfficialSplit) -> str:
    """Return the usual name of the annotations of a split."""
    return _ANNOTATIONS[kind][0].format(split=split)


def read_source(root: Path, name: str) -> JsonSource | None:
    """Read a file; None if there is none.

    Raises:
        DataError: if it cannot be read or is not JSON.
    """
    file = find_annotation_file(root, name)
    if file is None:
        return None
    try:
        content = json.loads(file.data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file.path} is not valid JSON: {error}") from error
    return JsonSource(name, content, file.sha256)


def require_mapping(source: JsonSource, key: str) -> Mapping[str, Any]:
    """Return the object under a key of a file.

    Raises:
        DataError: if there is none.
    """
    content = source.content.get(key) if isinstance(source.content, dict) else None
    if not isinstance(content, dict):
        raise DataError(f"{source.name} has no object {key!r}; Ego-Exo4D version 2 has one")
    return content


def require_list(source: JsonSource) -> list[Any]:
    """Return the list that a file contains.

    Raises:
        DataError: if it contains something else.
    """
    if not isinstance(source.content, list):
        raise DataError(f"{source.name} is not a list; in Ego-Exo4D version 2 it is one")
    return source.content
