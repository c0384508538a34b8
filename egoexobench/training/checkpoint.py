"""Trained weights on disk, with the epoch that was chosen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from egoexobench.checksum import DamagedFileError, decode_line, encode_line, read_intact
from egoexobench.hashing import hash_json
from egoexobench.tensor_file import check_tensor_file, write_tensor_file
from egoexobench.training.training_task import BestEpoch, EpochResult

if TYPE_CHECKING:
    from torch import Tensor, nn


def save_checkpoint(
    path: Path, model: nn.Module, best: BestEpoch, identity: Mapping[str, Any]
) -> None:
    """Write the weights of a model atomically, with a description of what decided them.

    Args:
        path: the file; its name without the suffix is the hash of the identity.
        model: whose weights are written.
        best: the epoch that they are of.
        identity: what decided them.
    """
    metadata = {
        "epoch": json.dumps(best.epoch),
        "value": json.dumps(best.validation_value),
        "history": json.dumps(best.history),
        # with a checksum of its own, because it is also read alone
        "identity": encode_line(json.dumps(identity, default=str)).decode(),
    }
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    write_tensor_file(path, save(state, metadata=metadata))


def load_checkpoint(path: Path, model: nn.Module) -> BestEpoch | None:
    """Load stored weights into a model; None if no weights are stored or they do not fit.

    One line says that a file is damaged; nothing of it is loaded.
    """
    stored = read_intact(_read_checkpoint, path, "the weights are trained again")
    if stored is None:
        return None
    best_epoch, state = stored
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    if {name: value.shape for name, value in state.items()} != shapes:
        return None  # The file belongs to another model: load nothing of it.
    model.load_state_dict(state)
    model.eval()
    return best_epoch


def read_identity(path: Path) -> dict[str, Any]:
    """Return what decided stored weights; nothing if the file does not say it, or is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            return parse_identity(file.metadata() or {})
    except (SafetensorError, OSError):
        return {}


def parse_identity(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return the identity in the header of a file; nothing if there is none, or it is damaged."""
    payload = decode_line(metadata.get("identity", "").encode())
    return json.loads(payload) if payload else {}


def _read_checkpoint(path: Path) -> tuple[BestEpoch, dict[str, Tensor]]:
    metadata = check_tensor_file(path)
    if hash_json(parse_identity(metadata)) != path.stem:
        raise DamagedFileError(path, "it has the weights of another training")
    with safe_open(path, framework="pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    best_epoch = BestEpoch(
        json.loads(metadata["epoch"]),
        json.loads(metadata["value"]),
        tuple(EpochResult(*values) for values in json.loads(metadata["history"])),
    )
    return best_epoch, state
