"""Checkpoints to tensors: safetensors, and torch files through the weights-only unpickler.

What a file contains beside its tensors is treated as data too: classes are replaced by
placeholders that run no code (`egoexobench.toolbox.safe_unpickle`), and a file that names anything
else is rejected.
"""

from __future__ import annotations

import json
import pickle
import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import safe_open
from torch import Tensor, nn

from egoexobench.errors import DataError, format_exception_line
from egoexobench.tensor_file import CHECKSUM_KEY, check_tensor_file
from egoexobench.toolbox.pickle_scan import check_pickles, is_archive
from egoexobench.toolbox.safe_unpickle import list_allowed_globals, to_json_like
from egoexobench.toolbox.tracked_state import get_current_override
from egoexobench.visible_text import make_visible

TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".tar")
STATE_DICT_KEYS = ("state_dict", "model", "module")
"""Entries that contain the state dictionary; the first that exists is used. Frozen-in-Time, LaViLa,
EgoExo, SoundBridge, EgoInstructor and InternVideo1-MM use the first, BEATs, ViCLIP, InternImage
and VideoMAE V2 the second, DeepSpeed's VideoMAE files the third."""
TRAINING_STATE_KEYS = ("optimizer", "scaler", "criterion", "lr_scheduler", "model_ema")
"""Entries with the state of the training, which are not read."""
WRAPPER_PREFIXES = ("_orig_mod.", "module.")
"""What torch.compile and DistributedDataParallel put in front of every key."""
ZIP_MAGIC = b"PK"
MAX_LISTED = 3
MAX_NAME_LENGTH = 100
MAX_CONTAINERS = 8
"""Containers around the state that are unwrapped."""
MAX_GROWTH, FREE_GROWTH_BYTES = 64, 16 << 20
"""A file's tensors may have this many times its own size, as tensors may share memory, and a bit
more. Otherwise one number that is repeated without end could fill the memory."""
_CHECKSUM_LENGTH = 16
"""Characters of a checksum that `weights convert` wrote; damaged ones need not be digits."""
_REJECTED_NAME = re.compile(r"(?:GLOBAL |function |class )<?([\w.]+)")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A file's tensors by key, floats in single precision, and the plain data beside them."""

    state_dict: dict[str, Tensor]
    metadata: dict[str, Any]
    num_half: int = 0
    """Tensors that the file contains in half precision."""


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Return the state dictionary of a checkpoint.

    Containers are unwrapped, ``module.`` and ``_orig_mod.`` are removed where every key starts
    with them, and half-precision tensors become float32.

    Raises:
        DataError: if the file is missing, truncated, contains no state or would run code.
    """
    return read_checkpoint(path).state_dict


def read_metadata(path: Path) -> dict[str, Any]:
    """Return what a checkpoint contains beside its state: ``cfg``, ``args``, ... as JSON-like data.

    Raises:
        DataError: as `read_state_dict`.
    """
    return read_checkpoint(path).metadata


def read_checkpoint(path: Path) -> Checkpoint:
    """Return the state dictionary and the data beside it; the file is read once.

    Raises:
        DataError: as `read_state_dict`.
    """
    if override := get_current_override(path):
        return cast(Checkpoint, override)
    _check_is_file(path)
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix in TORCH_SUFFIXES:
        return _unwrap_content(path, read_torch_file(path))
    suffixes = ", ".join((".safetensors", *TORCH_SUFFIXES))
    raise DataError(f"unknown checkpoint format: {path}; the name must end with: {suffixes}")


def read_torch_file(path: Path) -> Any:
    """Return everything in a torch file: tensors, plain containers, placeholders for classes.

    Raises:
        DataError: if the file is missing, truncated or would run code.
    """
    _check_is_file(path)
    check_pickles(path)
    try:
        # a memory map leaves an optimizer's state on disk; the old format before zip has none
        with torch.serialization.safe_globals(list_allowed_globals()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive(path))
    except pickle.UnpicklingError as error:
        rejected = _REJECTED_NAME.search(str(error))
        if rejected is None:
            raise DataError(
                f"{path} is not a complete torch file: {_describe_damage(path)}"
            ) from error
        raise DataError(
            f"{path} was rejected: loading it would run {rejected[1]!r}. "
            "Only tensors and plain configuration values are loaded."
        ) from error
    except Exception as error:  # a damaged file may fail in any way
        raise DataError(f"{path} is not a complete torch file: {_describe_damage(path)}") from error


def load_state_dict_strict(
    module: nn.Module,
    state_dict: Mapping[str, Tensor],
    name: str,
    *,
    ignored_keys: Collection[str] = (),
) -> None:
    """Load a state whose keys and shapes are exactly the module's; otherwise load nothing.

    Args:
        module: gets the tensors.
        state_dict: tensors by key.
        name: name of the module in the error.
        ignored_keys: keys that the state may contain although the module does not.

    Raises:
        DataError: with the first missing, unexpected and wrongly shaped keys.
    """
    used = {key: tensor for key, tensor in state_dict.items() if key not in ignored_keys}
    differences = describe_differences(module, used)
    if differences:
        raise DataError(f"the weights are not those of {name}: {'; '.join(differences)}")
    module.load_state_dict(used, strict=True)


def describe_differences(module: nn.Module, state_dict: Mapping[str, Tensor]) -> list[str]:
    """Return how a state differs from a module's own, in words; empty if it fits."""
    expected = module.state_dict()
    wrong_shapes = [
        f"{key} is {tuple(state_dict[key].shape)} and not {tuple(expected[key].shape)}"
        for key in expected
        if key in state_dict and state_dict[key].shape != expected[key].shape
    ]
    keys_by_kind = {
        "missing": [key for key in expected if key not in state_dict],
        "unexpected": [key for key in state_dict if key not in expected],
        "of another shape": wrong_shapes,
    }
    return [
        f"{len(keys)} {kind} ({join_first(keys)})" for kind, keys in keys_by_kind.items() if keys
    ]


def join_first(names: Sequence[str]) -> str:
    """Return the first names, separated by commas; long ones are cut."""
    shown = [
        n if len(n) <= MAX_NAME_LENGTH else f"{n[:MAX_NAME_LENGTH]}..." for n in names[:MAX_LISTED]
    ]
    return ", ".join(shown) + (", ..." if len(names) > MAX_LISTED else "")


def _check_is_file(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"weights file {path} is a folder; name a file in it")
    if not path.is_file():
        raise DataError(f"weights file {path} is missing")


def _read_safetensors(path: Path) -> Checkpoint:
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            header = file.metadata() or {}
    except Exception as error:  # a damaged file may fail in any way
        line = format_exception_line(error)
        raise DataError(f"{path} is not a complete safetensors file: {line}") from error
    if len(header.get(CHECKSUM_KEY, "")) == _CHECKSUM_LENGTH:  # `weights convert` wrote it
        header = check_tensor_file(path)
    metadata = {key: _parse_json(text) for key, text in header.items()}
    return _make_checkpoint(path, tensors, metadata)


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _describe_damage(path: Path) -> str:
    """Return what is wrong with a file; torch's own message advises to run it."""
    with path.open("rb") as file:
        start = file.read(len(ZIP_MAGIC))
    if not start:
        return "it is empty"
    if start == ZIP_MAGIC:
        return "its archive is truncated or damaged"
    return "it is neither an archive nor tensors alone, and nothing else is read"


def _unwrap_content(path: Path, content: Any) -> Checkpoint:
    metadata: dict[str, Any] = {}
    for _ in range(MAX_CONTAINERS):
        if not isinstance(content, Mapping):
            break
        if content and all(isinstance(value, Tensor) for value in content.values()):
            return _make_checkpoint(path, content, metadata)
        inner = next((key for key in STATE_DICT_KEYS if key in content), None)
        if inner is None:
            break
        skipped = (inner, *TRAINING_STATE_KEYS)
        others = {key: value for key, value in content.items() if key not in skipped}
        try:
            metadata |= to_json_like(others)
        except ValueError as error:
            raise DataError(f"{path} cannot be read: beside its tensors, {error}") from error
        content = content[inner]
    keys = join_first([str(key) for key in content]) if isinstance(content, Mapping) else ""
    raise DataError(
        f"{path} contains no state dictionary; "
        f"found {keys or type(content).__name__}, expected {' or '.join(STATE_DICT_KEYS)}"
    )


def _make_checkpoint(
    path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, Any]
) -> Checkpoint:
    _check_tensors(path, tensors)
    state_dict = dict(tensors)
    while state_dict and (prefix := _find_common_prefix(state_dict)):
        state_dict = {key.removeprefix(prefix): tensor for key, tensor in state_dict.items()}
    half = [
        key for key, tensor in state_dict.items() if tensor.dtype in (torch.float16, torch.bfloat16)
    ]
    return Checkpoint(
        state_dict | {key: state_dict[key].float() for key in half}, metadata, len(half)
    )


def _check_tensors(path: Path, tensors: Mapping[Any, Tensor]) -> None:
    """Check that names are text, and that the tensors are dense and not larger than they can be."""
    num_bytes = 0
    for key, tensor in tensors.items():
        if not isinstance(key, str) or key != make_visible(key):
            raise DataError(f"{path}: the name {key!r} of a tensor is not plain text")
        is_lazy = tensor.is_conj() or tensor.is_neg()
        is_sparse = tensor.layout is not torch.strided or tensor.is_nested
        if is_lazy or is_sparse or tensor.is_quantized:
            raise DataError(f"{path}: tensor {key!r} is not dense; only dense tensors are read")
        if tensor.device.type != "cpu":
            raise DataError(f"{path}: tensor {key!r} has no values (device {tensor.device})")
        num_bytes += tensor.numel() * tensor.element_size()
    if num_bytes > MAX_GROWTH * path.stat().st_size + FREE_GROWTH_BYTES:
        raise DataError(
            f"{path}: its tensors have {num_bytes:,} bytes, but the file {path.stat().st_size:,}; "
            "values are repeated without being stored"
        )


def _find_common_prefix(keys: Collection[str]) -> str | None:
    matching = (p for p in WRAPPER_PREFIXES if all(key.startswith(p) for key in keys))
    return next(matching, None)
