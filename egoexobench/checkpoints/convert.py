"""Any readable checkpoint to safetensors, with the plain data beside its state in the header."""

from __future__ import annotations

import json
from pathlib import Path

from egoexobench.errors import DataError, UsageError, format_exception_line
from egoexobench.tensor_file import write_arrays
from egoexobench.toolbox.checkpoint import read_checkpoint
from egoexobench.visible_text import make_visible


def convert_checkpoint(source: Path, target: Path) -> int:
    """Write a checkpoint's state to a safetensors file and return its number of tensors.

    The state is that of `read_state_dict`: unwrapped, without prefixes, in single precision. The
    result of `read_metadata` goes into the header, so that a converted file loads wherever its
    source did. The file has a checksum, which is compared whenever it is read.

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
    tensors = checkpoint.state_dict
    try:
        arrays = {key: item.detach().contiguous().numpy() for key, item in tensors.items()}
        write_arrays(target, arrays, header)
    except (TypeError, KeyError, ValueError) as error:  # a type that the format lacks
        raise DataError(
            f"{source} cannot be written as {target}: {format_exception_line(error)}"
        ) from error
    return len(tensors)
