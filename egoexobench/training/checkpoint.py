"""Trained weights on disk, with the epoch that was chosen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from egoexobench.files import atomic_path
from egoexobench.training.loop import BestEpoch, EpochResult

if TYPE_CHECKING:
    from egoexobench.models.embedding_model import EmbeddingModel


def save_checkpoint(
    path: Path, model: EmbeddingModel, best: BestEpoch, identity: Mapping[str, Any]
) -> None:
    """Write the weights of a model atomically, with a description of what decided them."""
    metadata = {
        "epoch": json.dumps(best.epoch),
        "value": json.dumps(best.validation_value),
        "history": json.dumps(best.history),
        "identity": json.dumps(identity, default=str),
    }
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    with atomic_path(path) as tmp_path:
        save_file(state, tmp_path, metadata=metadata)


def load_checkpoint(path: Path, model: EmbeddingModel) -> BestEpoch | None:
    """Load stored weights into a model; None if no weights are stored or they do not fit."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError:
        return None  # The file is cut short: train again and replace it.
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    if {name: value.shape for name, value in state.items()} != shapes:
        return None  # The file belongs to another model: load nothing of it.
    model.load_state_dict(state)
    model.eval()
    return BestEpoch(
        json.loads(metadata["epoch"]),
        json.loads(metadata["value"]),
        tuple(EpochResult(*values) for values in json.loads(metadata.get("history", "[]"))),
    )


def read_identity(path: Path) -> dict[str, Any]:
    """Return what decided stored weights; nothing if the file does not say it."""
    try:
        with safe_open(path, framework="pt") as file:
            identity = json.loads((file.metadata() or {}).get("identity", "{}"))
    except (SafetensorError, OSError, ValueError):
        return {}
    return identity if isinstance(identity, dict) else {}
