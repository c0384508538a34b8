"""Any readable checkpoint to safetensors, with the plain data beside its state in the header."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from egoexobench.atomic import whole
from egoexobench.errors import DataError, UsageError
from egoexobench.weights.load import read


def convert(source: Path, target: Path) -> int:
    """Write a checkpoint's state to a safetensors file and return how many tensors it has.

    The state is what `load.state` gives: unwrapped, without prefixes, in single precision. What
    `load.meta` gives goes into the header, so that a converted file loads wherever its source did.

    Raises:
        DataError: if the source cannot be read or the target exists.
        UsageError: if the target is not named ``.safetensors``.
    """
    if target.suffix != ".safetensors":
        raise UsageError(f"{target} must end with .safetensors")
    if target.exists():
        raise DataError(f"{target} exists already; delete it or name another")
    found = read(source)
    header = {key: json.dumps(value) for key, value in found.meta.items()}
    with whole(target) as draft:
        save_file(_separate(found.state), draft, metadata=header)
    return len(found.state)


def _separate(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors that share no memory: a table that many layers share is written for each."""
    seen: set[int] = set()
    kept: dict[str, Tensor] = {}
    for key, one in state.items():
        shared = one.data_ptr() in seen or not one.is_contiguous()
        alone = one.untyped_storage().nbytes() == one.numel() * one.element_size()
        kept[key] = one if alone and not shared else one.clone().contiguous()
        seen.add(one.data_ptr())
    return kept
