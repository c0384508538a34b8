"""Final embeddings on disk: a tensor a side, and the ids of its rows in the header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from egoexobench.errors import DataError
from egoexobench.files import atomic_path
from egoexobench.types import Embeddings

IDS_KEY = "_ids"
"""What the header's entry of a side ends with: a JSON list."""


def write_embeddings(
    path: Path, sides: Mapping[str, Embeddings], metadata: Mapping[str, str]
) -> None:
    """Write embeddings, whole or not at all.

    Args:
        path: of the safetensors file.
        sides: embeddings by the name of their tensor.
        about: what else the header says.
    """
    ids = {f"{name}{IDS_KEY}": json.dumps(one.ids) for name, one in sides.items()}
    tensors = {name: one.vectors.contiguous() for name, one in sides.items()}
    with atomic_path(path) as draft:
        save_file(tensors, draft, metadata={**metadata, **ids})


def read_embeddings(path: Path) -> dict[str, Embeddings]:
    """Return the embeddings of a file by the name of their tensor.

    Raises:
        DataError: if it is no such file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata()
            return {
                name: Embeddings(
                    tuple(json.loads(about[f"{name}{IDS_KEY}"])), file.get_tensor(name)
                )
                for name in file.keys()  # noqa: SIM118
            }
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} holds no embeddings with their ids: {error}") from error
