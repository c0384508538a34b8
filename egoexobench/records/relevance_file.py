"""The file of relevance beside a record: how well each text describes each clip.

``ID.relevance.safetensors`` has the tensor ``levels`` float64 ``(L,)`` of the different values and
``codes`` uint8 ``(Z,)``, which are those of zlib: uncompressed, the position of the level of each
text, row after row of the clips, uint16 little-endian ``(V, T)``. The header has the ids as JSON.
A matrix of EPIC-KITCHENS-100 (9,668 x 3,842) has few levels and many zeros, so it gets small.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from egoexobench.errors import DataError
from egoexobench.tensor_file import write_tensor_file
from egoexobench.types import Relevance

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_CELLS = 2**31
"""More cells are no data set but an attempt to fill the memory."""
_IDS = "clip_ids", "text_ids"
_NAMES: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[str, ...])


def write_relevance(path: Path, relevance: Relevance) -> None:
    """Write the relevance of a split atomically.

    Raises:
        DataError: if it has more than 65,536 different values.
    """
    levels, codes = np.unique(relevance.values.astype(np.float64), return_inverse=True)
    if len(levels) > 2**16:
        raise DataError(f"relevance of {len(levels)} different values; at most {2**16} are stored")
    packed = zlib.compress(codes.astype("<u2").tobytes(), 6)
    tensors: dict[str, NDArray[Any]] = {"levels": levels, "codes": np.frombuffer(packed, np.uint8)}
    header = {name: json.dumps(getattr(relevance, name)) for name in _IDS}
    write_tensor_file(path, save(tensors, header))


def read_relevance_file(path: Path) -> Relevance:
    """Return the relevance beside a record.

    Raises:
        DataError: if the file is of another kind, or a value is not from 0 to 1.
    """
    try:
        with safe_open(path, framework="np") as file:
            header = file.metadata() or {}
            levels, packed = file.get_tensor("levels"), file.get_tensor("codes")
    except (SafetensorError, OSError) as error:
        raise DataError(
            f"{path} is no file of relevance: {' '.join(str(error).split())}"
        ) from error
    clip_ids, text_ids = (_parse_names(path, header.get(name, "")) for name in _IDS)
    num_cells = len(clip_ids) * len(text_ids)
    if num_cells > MAX_CELLS:
        raise DataError(f"{path}: {num_cells} cells; at most {MAX_CELLS} are read")
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed.tobytes(), 2 * num_cells + 1)
    except zlib.error as error:
        raise DataError(f"{path}: the codes are damaged: {error}") from error
    codes = np.frombuffer(data[: len(data) // 2 * 2], "<u2")
    if len(data) != 2 * num_cells or (num_cells and codes.max() >= len(levels)):
        raise DataError(f"{path}: the codes are not those of {num_cells} cells and its levels")
    if levels.dtype != np.float64 or not ((levels >= 0) & (levels <= 1)).all():
        raise DataError(f"{path}: a value is not from 0 to 1")
    values = levels[codes].reshape(len(clip_ids), len(text_ids))
    return Relevance(clip_ids, text_ids, values)


def _parse_names(path: Path, text: str) -> tuple[str, ...]:
    try:
        names = _NAMES.validate_json(text)
    except ValidationError:
        raise DataError(f"{path}: the list of ids is damaged") from None
    if len(set(names)) < len(names):
        raise DataError(f"{path}: an id stands twice")
    return names
