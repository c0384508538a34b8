"""A folder with a model: its settings, its weights and the hash of everything in it that counts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egoexobench.content_hash import hash_content
from egoexobench.errors import DataError
from egoexobench.hashing import hash_json, iter_visible_files

if TYPE_CHECKING:
    from torch import Tensor

TRANSFORMERS_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""Weights of a model of transformers or timm, the preferred file first."""
CARD_NAME = "README.md"
_SETTINGS = re.compile(r"(\w[\w.-]*\.(json|txt|model)|\w[\w.-]*/config\.json|README\.md)", re.ASCII)
"""Settings, vocabularies, the modules of sentence-transformers, and the card with the license."""
_LICENSE = re.compile(r"^license:[ \t]*['\"]?([\w.+-]+)", re.MULTILINE)


def select_model_files(names: Iterable[str], weight_names: Sequence[str]) -> list[str]:
    """Return which files of a repository make the model; weights stand last.

    The first name of ``weight_names`` that is there is taken, whole or in parts with an index.
    """
    available = sorted(names)
    settings = [
        name for name in available if _SETTINGS.fullmatch(name) and not name.endswith(".index.json")
    ]
    for name in weight_names:
        if name in available:
            return [*settings, name]
        if (index := f"{name}.index.json") in available:
            stem, _, suffix = name.rpartition(".")
            part = re.compile(rf"{re.escape(stem)}-\d+-of-\d+\.{suffix}")
            return [*settings, index, *filter(part.fullmatch, available)]
    return settings


def find_weight_files(folder: Path, weight_names: Sequence[str]) -> list[Path]:
    """Return the files with the weights of a model; empty if there are none, or one is missing.

    Raises:
        DataError: for an index that cannot be read or names a file outside of the folder.
    """
    for name in weight_names:
        if (folder / name).is_file():
            return [folder / name]
        if (folder / f"{name}.index.json").is_file():
            parts = _list_index_files(folder, f"{name}.index.json")
            return parts if all(part.is_file() for part in parts) else []
    return []


def read_weights(folder: Path, weight_names: Sequence[str]) -> dict[str, Tensor]:
    """Return the tensors of a model by name; a torch file is read without running any code.

    Raises:
        DataError: if there are no weights, or a file is damaged or would run code.
    """
    from egoexobench.toolbox.checkpoint import read_state_dict

    files = find_weight_files(folder, weight_names)
    if not files:
        raise DataError(f"{folder} has no complete weights; expected {' or '.join(weight_names)}")
    state_dict: dict[str, Tensor] = {}
    for file in files:
        state_dict |= read_state_dict(file)
    return state_dict


def read_settings(folder: Path, name: str, *, is_required: bool = True) -> Mapping[str, Any]:
    """Return the JSON object in a file; an empty one if the file may be missing.

    Raises:
        DataError: if the file is missing or is no JSON object.
    """
    path = folder / name
    if not path.is_file():
        if is_required:
            raise DataError(f"{folder} has no {name}; a model needs one")
        return {}
    try:
        settings = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is not a JSON file: {error}") from error
    if not isinstance(settings, dict):
        raise DataError(f"{path} holds no JSON object")
    return settings


def hash_model(folder: Path, weight_names: Sequence[str]) -> str:
    """Return the hash of settings, vocabularies and weights; a card counts for nothing."""
    return hash_json(
        {
            path.relative_to(folder).as_posix(): hash_content(path)
            for path in _iter_model_files(folder, weight_names)
            if path.name != CARD_NAME
        }
    )


def measure_bytes(folder: Path, weight_names: Sequence[str]) -> int:
    """Return the size of settings, vocabularies and weights."""
    return sum(path.stat().st_size for path in _iter_model_files(folder, weight_names))


def read_license(folder: Path) -> str | None:
    """Return the license that the card of a model states; None without one."""
    path = folder / CARD_NAME
    if not path.is_file():
        return None
    text = path.read_text("utf-8", errors="replace")
    header = text.partition("\n---")[0] if text.startswith("---") else ""
    stated = _LICENSE.search(header)
    return stated[1] if stated else None


def _iter_model_files(folder: Path, weight_names: Sequence[str]) -> Iterator[Path]:
    names = (path.relative_to(folder).as_posix() for path in iter_visible_files(folder))
    yield from (folder / name for name in select_model_files(names, weight_names))


def _list_index_files(folder: Path, name: str) -> list[Path]:
    weight_map = read_settings(folder, name).get("weight_map")
    files = set(weight_map.values()) if isinstance(weight_map, dict) else set()
    if not files or not all(isinstance(file, str) and Path(file).name == file for file in files):
        raise DataError(f"{folder / name} does not say which files hold the weights")
    return [folder / file for file in sorted(files)]
