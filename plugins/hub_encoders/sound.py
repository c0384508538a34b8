"""What encoders of sound share: the feature extractor of a folder, and windows of samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from egoexobench_plugins.hub_encoders.load import quiet_library

AudioOutput = Literal["pooled", "frames", "tokens"]


def split_windows(samples: NDArray[np.float32], length: int) -> list[NDArray[np.float32]]:
    """Return windows of a number of samples; the last one is shorter."""
    return [samples[start : start + length] for start in range(0, len(samples), max(length, 1))]


def load_extractor(folder: Path) -> Any:
    """Return the feature extractor of a folder.

    Raises:
        DataError: if its files are missing or damaged, or it needs code of its own.
    """
    with quiet_library(str(folder)):
        from transformers import AutoFeatureExtractor

        loader: Any = AutoFeatureExtractor
        return loader.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
