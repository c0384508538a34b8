"""Checkpoints to tensors: safetensors, and torch files through the weights-only unpickler.

What a file holds beside its tensors is data too: classes are replaced by stand-ins that run no
code (`egoexobench.weights.inert`), and a file that names anything else is refused.
"""

from __future__ import annotations

import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from egoexobench.errors import DataError
from egoexobench.weights.inert import allowed, plain
from egoexobench.weights.watch import held

TORCH = (".pt", ".pth", ".bin", ".ckpt", ".tar")
CONTAINERS = ("state_dict", "model", "module")
"""Entries that hold the state, the first that is there: Frozen-in-Time, LaViLa, EgoExo,
SoundBridge, EgoInstructor and InternVideo1-MM use the first, BEATs, ViCLIP, InternImage and
VideoMAE V2 the second, DeepSpeed's VideoMAE files the third."""
DROPPED = ("optimizer", "scaler", "criterion", "lr_scheduler", "model_ema")
"""Training state beside the model's, which is not read."""
PREFIXES = ("_orig_mod.", "module.")
"""What torch.compile and DistributedDataParallel put in front of every key."""
ZIP = b"PK"
"""How an archive starts."""
LISTED = 3
_BROKEN = (RuntimeError, EOFError, ValueError, KeyError, TypeError, AttributeError, AssertionError)
_NAMED = re.compile(r"(?:GLOBAL |function |class )<?([\w.]+)")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A file's tensors by key, floats in single precision, and the plain data beside them."""

    state: dict[str, Tensor]
    meta: dict[str, Any]
    half: int = 0
    """Tensors that the file holds in half precision."""


def state(path: Path) -> dict[str, Tensor]:
    """Return the state dictionary of a checkpoint.

    Containers are unwrapped, ``module.`` and ``_orig_mod.`` are stripped where every key has
    them, and half-precision tensors become float32.

    Raises:
        DataError: if the file is missing, truncated, holds no state or would run code.
    """
    return read(path).state


def meta(path: Path) -> dict[str, Any]:
    """Return what lies beside the state: ``cfg``, ``args``, ``epoch``, ... as JSON-like data.

    Raises:
        DataError: as `state`.
    """
    return read(path).meta


def read(path: Path) -> Checkpoint:
    """Return the state and what lies beside it, with the file read once.

    Raises:
        DataError: as `state`.
    """
    if known := held(path):
        return cast(Checkpoint, known)
    _there(path)
    if path.suffix == ".safetensors":
        return _safetensors(path)
    if path.suffix in TORCH:
        return _unwrap(path, content(path))
    known = ", ".join((".safetensors", *TORCH))
    raise DataError(f"weights file {path} is of no known kind; its name must end with: {known}")


def content(path: Path) -> Any:
    """Return whatever a torch file holds: tensors, plain containers, stand-ins for classes.

    Raises:
        DataError: if the file is missing, truncated or would run code.
    """
    _there(path)
    # a memory map leaves an optimiser's state on disk; the old format before zip has none
    mapped = zipfile.is_zipfile(path)
    try:
        with torch.serialization.safe_globals(allowed()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        named = _NAMED.search(str(error))
        if named is None:
            raise DataError(f"{path} is not a complete torch file: {_reason(path)}") from error
        raise DataError(
            f"{path} is refused: it asks to run {named[1]!r}; "
            "only tensors and configuration values are read"
        ) from error
    except (*_BROKEN, OSError) as error:
        raise DataError(f"{path} is not a complete torch file: {_reason(path)}") from error


def load_strict(
    module: nn.Module, state: Mapping[str, Tensor], what: str, *, spare: Collection[str] = ()
) -> None:
    """Load a state whose keys and shapes are exactly the module's; otherwise load nothing.

    Args:
        module: what is loaded into.
        state: tensors by key.
        what: what the error calls the module.
        spare: keys that a state may hold and the module does not.

    Raises:
        DataError: with the first missing, unexpected and misshapen keys.
    """
    given = {key: tensor for key, tensor in state.items() if key not in spare}
    faults = differences(module, given)
    if faults:
        raise DataError(f"the weights are not those of {what}: {'; '.join(faults)}")
    module.load_state_dict(given, strict=True)


def differences(module: nn.Module, state: Mapping[str, Tensor]) -> list[str]:
    """Return how a state differs from a module's own, in words; empty where it fits."""
    own = module.state_dict()
    shapes = [
        f"{key} is {tuple(state[key].shape)} and not {tuple(own[key].shape)}"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    lists = {
        "missing": [key for key in own if key not in state],
        "unexpected": [key for key in state if key not in own],
        "of another shape": shapes,
    }
    return [f"{len(keys)} {kind} ({first(keys)})" for kind, keys in lists.items() if keys]


def _there(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"weights file {path} is a folder; name a file in it")
    if not path.is_file():
        raise DataError(f"weights file {path} is missing")


def first(keys: Sequence[str]) -> str:
    """Return the first of some names, in a line."""
    return ", ".join(keys[:LISTED]) + (", ..." if len(keys) > LISTED else "")


def _safetensors(path: Path) -> Checkpoint:
    try:
        with safe_open(path, framework="pt") as file:
            found = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            about = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path} is not a complete safetensors file: {error}") from error
    return _checkpoint(found, {key: _json(text) for key, text in about.items()})


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _reason(path: Path) -> str:
    """What is wrong with a file; torch's own words advise to run it."""
    with path.open("rb") as file:
        start = file.read(len(ZIP))
    if not start:
        return "it is empty"
    if start == ZIP:
        return "its archive is cut short or damaged"
    return "it is neither an archive nor tensors alone, and nothing else is read"


def _unwrap(path: Path, content: Any) -> Checkpoint:
    beside: dict[str, Any] = {}
    while isinstance(content, Mapping):
        if content and all(isinstance(one, Tensor) for one in content.values()):
            return _checkpoint(content, beside)
        inner = next((name for name in CONTAINERS if name in content), None)
        if inner is None:
            break
        skip = (inner, *DROPPED)
        beside |= plain({key: one for key, one in content.items() if key not in skip})
        content = content[inner]
    found = first([str(key) for key in content]) if isinstance(content, Mapping) else ""
    raise DataError(
        f"{path} holds no state dictionary; "
        f"found {found or type(content).__name__}, expected {' or '.join(CONTAINERS)}"
    )


def _checkpoint(found: Mapping[str, Tensor], beside: dict[str, Any]) -> Checkpoint:
    state = dict(found)
    while prefix := next((one for one in PREFIXES if all(k.startswith(one) for k in state)), None):
        if not state:
            break
        state = {key.removeprefix(prefix): tensor for key, tensor in state.items()}
    half = [key for key, one in state.items() if one.dtype in (torch.float16, torch.bfloat16)]
    return Checkpoint(state | {key: state[key].float() for key in half}, beside, len(half))
