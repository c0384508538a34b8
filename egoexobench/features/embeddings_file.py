"""Embeddings on disk: one tensor for videos and one for texts, with the ids in the header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open

from egoexobench.errors import DataError
from egoexobench.tensor_file import CHECKSUM_KEY, check_tensor_file, write_arrays
from egoexobench.types import Embeddings

IDS_KEY = "_ids"
"""End of the header entry with the ids of a tensor, a JSON list."""
_IDS: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[str, ...])


def write_embeddings(
    path: Path, sides: Mapping[str, Embeddings], metadata: Mapping[str, str]
) -> None:
    """Write embeddings atomically.

    Args:
        path: the safetensors file.
        sides: embeddings by the name of their tensor.
        metadata: what else the header says.
    """
    ids = {f"{name}{IDS_KEY}": json.dumps(side.ids) for name, side in sides.items()}
    arrays = {name: side.vectors.cpu().contiguous().numpy() for name, side in sides.items()}
    write_arrays(path, arrays, {**metadata, **ids})


def read_embeddings(path: Path) -> dict[str, Embeddings]:
    """Return the embeddings of a file by the name of their tensor.

    Raises:
        DataError: if the file is of another kind, or damaged; a file of a version without
            checksums is read as it is.
    """
    metadata = read_header(path)
    check_tensor_file(path, require_checksum=False)
    try:
        with safe_open(path, framework="pt") as file:
            return {
                name: Embeddings(
                    _IDS.validate_json(metadata[f"{name}{IDS_KEY}"]), file.get_tensor(name)
                )
                for name in file.keys()  # noqa: SIM118
            }
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise DataError(f"{path} contains no embeddings with ids: {_join(error)}") from error


def read_header(path: Path) -> dict[str, str]:
    """Return what the header of a safetensors file says beside its tensors.

    Raises:
        DataError: if the file is of another kind.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path} is no safetensors file: {_join(error)}") from error
    metadata.pop(CHECKSUM_KEY, None)
    return metadata


def _join(error: Exception) -> str:
    return " ".join(str(error).split())
