"""Features in one file that other code can read: tokens one after the other, with ids and lengths.

The safetensors file has a tensor ``features (R, D)``, a tensor ``features_lengths (N,)`` with the
number of rows of each item, and the ids of the items as a JSON list in its header.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoexobench.errors import DataError
from egoexobench.features.embeddings_file import IDS_KEY
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.tensor_file import write_arrays

FEATURES_NAME = "features"
LENGTHS_KEY = "_lengths"
"""End of the name of a tensor with the number of rows of each item."""


def write_features(
    path: Path, bank: FeatureBank, metadata: Mapping[str, str], names: Mapping[str, str]
) -> int:
    """Write the features of a bank atomically; return how many items have some.

    Args:
        path: the safetensors file.
        bank: tokens by id; an item without any, such as a silent clip, is left out.
        metadata: what else the header says.
        names: the id that an item has in the file, by its id in the bank; of several items with
            the same one, the first is written.

    Raises:
        DataError: if no item has features.
    """
    items = {names[item]: item for item in reversed(list(bank.index)) if bank.has(item)}
    if not items:
        raise DataError(f"there are no features to write to {path}")
    ids = sorted(items)
    rows = [bank.get(items[name]) for name in ids]
    arrays: dict[str, NDArray[Any]] = {
        FEATURES_NAME: np.concatenate(rows),
        f"{FEATURES_NAME}{LENGTHS_KEY}": np.array([len(item) for item in rows], np.int64),
    }
    write_arrays(path, arrays, {**metadata, f"{FEATURES_NAME}{IDS_KEY}": json.dumps(ids)})
    return len(ids)
