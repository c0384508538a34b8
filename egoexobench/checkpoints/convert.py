"""Any readable checkpoint to safetensors, with the plain data beside its state in the header."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from egoexobench.errors import DataError, UsageError, format_exception_line
from egoexobench.files import atomic_path
from egoexobench.toolbox.checkpoint import read_checkpoint
from egoexobench.visible_text import make_visible


def convert_checkpoint(source: Path, target: Path) -> int:
    """Write a checkpoint's state to a safetensors file and return its number of tensors.

    The state is that of `read_state_dict`: unwrapped, without prefixes, in single precision. The
    result of `read_metadata` goes into the header, so that a converted file loads wherever its
    source did.

    Raises:
        DataError: if the source cannot be read or the target exists.
        UsageError: if the target is not named ``.safetensors``.
    """
    if target.suffix != ".safetensors":
        raise UsageError(f"{target} must end with .safetensors")
    if target.exists():
        raise DataError(f"{target} exists already; delete it or name another")
    checkpoint = read_checkpoint(source)
    header = {make_visible(key): json.dumps(value) for key, value in checkpoint.metadata.items()}
    try:
        with atomic_path(target) as draft:
            save_file(_copy_shared(checkpoint.state_dict), draft, metadata=header)
    except (SafetensorError, KeyError, ValueError) as error:  # a type that the format lacks
        raise DataError(
            f"{source} cannot be written as {target}: {format_exception_line(error)}"
        ) from error
    return len(checkpoint.state_dict)


def _copy_shared(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors that share no memory: a table that many layers share is written for each."""
    pointers: set[int] = set()
    separate: dict[str, Tensor] = {}
    for key, tensor in state_dict.items():
        is_shared = tensor.data_ptr() in pointers or not tensor.is_contiguous()
        fills_storage = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
        is_separate = fills_storage and not is_shared
        separate[key] = tensor if is_separate else tensor.clone().contiguous()
        pointers.add(tensor.data_ptr())
    return separate
